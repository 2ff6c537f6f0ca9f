"""Contenders take turns: when the machine is busy for a while, all of them are slowed."""

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.datasets import ROOT
from benchmarks.side_by_side.contenders import Contender
from csad.common.errors import CsadError
from csad.common.progress import track

MODULE = "benchmarks.side_by_side.process"


@dataclass
class Taken:
    """Seconds of calls, by the clock and of the processors."""

    clock: list[float] = field(default_factory=list)
    processors: list[float] = field(default_factory=list)


@dataclass
class Measured:
    """Everything about one contender.

    Attributes:
        starts: From the start of the process to the first score.
        single: Calls with one image.
        batch: Calls with several.
        single_memory: Peak resident memory before the first batch, bytes.
        memory: The same at the end, bytes.
        precision: What it computed in.
        version: The version of its runtime.
    """

    starts: Taken = field(default_factory=Taken)
    single: Taken = field(default_factory=Taken)
    batch: Taken = field(default_factory=Taken)
    single_memory: int = 0
    memory: int = 0
    precision: str = ""
    version: str = ""


class Running:
    """A contender's process, which has scored its first image.

    Attributes:
        clock: Seconds from its start to its first score.
        first: What it said then.
    """

    def __init__(self, contender: Contender, inputs: Path, threads: int) -> None:
        self._name = contender.name
        arguments = (contender.kind, contender.path, contender.runtime, threads, inputs)
        began = time.perf_counter()
        self._process = subprocess.Popen(
            [str(contender.python), "-m", MODULE, *map(str, arguments)],
            cwd=ROOT,
            env=dict(contender.environment(threads)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            self.first = self._answer()
        except CsadError:
            self.end()
            raise
        self.clock = time.perf_counter() - began

    def score(self, indices: Sequence[int]) -> dict[str, Any]:
        """Have it score images of its inputs, by their numbers.

        Raises:
            CsadError: It ended; its own message is on the terminal.
        """
        assert self._process.stdin is not None
        with suppress(OSError):  # where it has ended, the answer that does not come says so
            print(json.dumps(list(indices)), file=self._process.stdin, flush=True)
        return self._answer()

    def end(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(OSError):  # where it ended with a call unread
            self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            raise CsadError(f"{self._name} ended with exit code {code}; its message is above")
        answer: dict[str, Any] = json.loads(line)
        return answer


def rotated(names: Sequence[str], turn: int) -> list[str]:
    """The order of a turn: each turn begins with another."""
    start = turn % len(names)
    return [*names[start:], *names[:start]]


def measure(
    contenders: Sequence[Contender],
    inputs: Mapping[str, Path],
    threads: int,
    starts: int,
    singles: int,
    batches: int,
    batch: int,
) -> tuple[dict[str, Measured], list[str]]:
    """Start every contender, then let them take turns on single images and on batches, after one call of each.

    Args:
        contenders: Who takes part.
        inputs: Images by the kind of contender, .npz, the same in the same order.
        threads: Processors that each may use.
        starts: Processes that are started for each, at least 1; the last one goes on.
        singles: Timed calls with one image.
        batches: Timed calls with several.
        batch: How many those are.

    Returns:
        Figures by the contender's name, and a sentence for each that did not start.

    Raises:
        CsadError: A contender failed after it had scored its first image.
    """
    left_out: list[str] = []
    measured = {contender.name: Measured() for contender in contenders}
    running: dict[str, Running] = {}
    with ExitStack() as ends:
        for turn in track(range(starts), "Starting", starts):
            for contender in contenders:
                if contender.name not in measured:
                    continue
                try:
                    process, own = Running(contender, inputs[contender.kind], threads), measured[contender.name]
                except CsadError as error:
                    left_out.append(str(error))
                    del measured[contender.name]
                    continue
                own.starts.clock.append(process.clock)
                own.starts.processors.append(process.first["processors"])
                own.precision, own.version = process.first["precision"], process.first["version"]
                if turn + 1 < starts:
                    process.end()
                else:
                    ends.callback(process.end)
                    running[contender.name] = process
        _take_turns(running, [[turn] for turn in range(singles)], {name: own.single for name, own in measured.items()})
        for name, process in running.items():
            measured[name].single_memory = process.score([0])["memory"]
        calls = [[batch * turn + offset for offset in range(batch)] for turn in range(batches)]
        _take_turns(running, calls, {name: own.batch for name, own in measured.items()})
        for name, process in running.items():
            measured[name].memory = process.score([0])["memory"]
    return measured, left_out


def _take_turns(running: Mapping[str, Running], calls: Sequence[Sequence[int]], taken: Mapping[str, Taken]) -> None:
    for process in running.values():
        process.score(calls[0])
    title = "One image" if len(calls[0]) == 1 else f"Batches of {len(calls[0])}"
    for turn, call in enumerate(track(calls, title, len(calls))):
        for name in rotated(list(running), turn):
            answer = running[name].score(call)
            taken[name].clock.append(answer["clock"])
            taken[name].processors.append(answer["processors"])
