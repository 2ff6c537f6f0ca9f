"""One server against others, which take turns: another runtime, or the same model served by another checkout.

Of a machine that is busy with other work only ratios count, and the processors' time of an image more than the clock's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Protocol, TypeVar

import psutil

from csad.common.tables import table
from csad.scoring.runtimes.names import RUNTIMES, VARIABLE

HERE = Path(__file__).resolve().parents[1]
MEBIBYTE = 1024 * 1024
AIMS = {"images/s": ">= 2.5", "memory of the worker, MiB": "<= 0.35", "start to ready, s": "<= 0.35"}
"""What a server without torch is to reach, as fractions of one that computes with torch."""


@dataclass(frozen=True)
class Side:
    """A server to compare.

    Attributes:
        name: For people.
        checkout: Folder of the code that serves.
        added: Added to the environment.
    """

    name: str
    checkout: Path = HERE
    added: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def named(cls, name: str) -> Side:
        """A runtime of this checkout, the folder of another checkout, or RUNTIME@FOLDER.

        Raises:
            ValueError: It is none of them.
        """
        runtime, _, place = name.rpartition("@")
        if not runtime and name in RUNTIMES:
            runtime, place = name, ""
        folder = Path(place).resolve() if place else HERE
        if (runtime and runtime not in RUNTIMES) or not (folder / "csad" / "serving").is_dir():
            raise ValueError(f"{name} is neither a runtime ({', '.join(RUNTIMES)}) nor a checkout of csad, nor both")
        label = f"{runtime}@{folder.name}" if runtime and place else runtime or folder.name
        return cls(label, folder, {VARIABLE: runtime} if runtime else {})

    @property
    def variables(self) -> dict[str, str]:
        """What its environment says beside ours."""
        return {"PYTHONPATH": str(self.checkout)} | dict(self.added)


OURS = Side("csad")
"""What this checkout serves by itself."""


class RunningServer(Protocol):
    """What is asked of a server that runs."""

    @property
    def ready_after(self) -> float:
        """Seconds from its start until it was ready."""

    @property
    def processes(self) -> Sequence[psutil.Process]:
        """The supervisor and its children."""

    @property
    def worker(self) -> psutil.Process:
        """The process that holds the model."""


Running = TypeVar("Running", bound=RunningServer)
Load = Callable[[Running, float], tuple[int, float]]
"""Ask a server for some seconds; images answered, and how many per second."""


class Resources:
    """Memory of a server's processes, sampled while it is asked."""

    def __init__(self, server: RunningServer) -> None:
        self._server = server
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self.worker: list[float] = []
        self.all: list[float] = []

    def __enter__(self) -> Resources:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        self._sample_once()
        while not self._ended.wait(0.5):
            self._sample_once()

    def _sample_once(self) -> None:
        with suppress(psutil.NoSuchProcess):  # a child may end between the list of them and the look at it
            worker = self._server.worker.memory_info().rss
            self.all.append(sum(each.memory_info().rss for each in self._server.processes) / MEBIBYTE)
            self.worker.append(worker / MEBIBYTE)


def processor_seconds(server: RunningServer) -> float:
    """Time that the processors spent on a server's processes so far."""
    times = [process.cpu_times() for process in server.processes]
    return float(sum(one.user + one.system for one in times))


def turn(server: Running, load: Load[Running], seconds: float) -> dict[str, float]:
    """Warm a server up, then measure it under load."""
    start = processor_seconds(server)
    load(server, seconds / 3)
    before = processor_seconds(server)
    with Resources(server) as resources:
        images, rate = load(server, seconds)
    spent = processor_seconds(server) - before
    return {
        "images/s": rate,
        "processor ms per image": 1000 * spent / images if images else float("nan"),
        "memory of the worker, MiB": median(resources.worker),
        "memory of all processes, MiB": median(resources.all),
        "start to ready, s": server.ready_after,
        "processor s of the start": start,
    }


def compare(
    sides: Sequence[Side],
    start: Callable[[Side], AbstractContextManager[Running]],
    load: Load[Running],
    rounds: int,
    seconds: float,
) -> list[list[str]]:
    """Let sides take turns.

    Args:
        sides: The first is set beside each of the others.
        start: Runs a server for the length of a block.
        load: Many clients.
        rounds: Turns of each side.
        seconds: Load of one turn.

    Returns:
        Rows of a table: what, the median of each side, the ratio of the first to each other.
    """
    found: list[list[dict[str, float]]] = [[] for _ in sides]  # by place: two checkouts may have one name
    turns = list(zip(sides, found, strict=True))
    for number in range(rounds):
        for side, measured in turns if number % 2 == 0 else reversed(turns):
            with start(side) as server:
                measured.append(turn(server, load, seconds))
    rows = []
    for what in found[0][0]:
        middle = [median(one[what] for one in measured) for measured in found]
        ratios = [f"{middle[0] / other:.2f}" for other in middle[1:]]
        rows.append([what, *(f"{value:.4g}" for value in middle), *ratios, AIMS.get(what, "")])
    return rows


def report(sides: Sequence[Side], rows: Sequence[Sequence[str]]) -> str:
    """The table."""
    head = ("", *(side.name for side in sides), *(f"/ {side.name}" for side in sides[1:]), "aim against torch")
    return table(head, rows)
