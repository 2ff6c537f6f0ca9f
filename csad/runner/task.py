"""A stage inside a pipeline's task: parse, run, reuse, fail with one message."""

import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from csad.common.errors import OS_REMEDIES, CsadError
from csad.common.hashing import file_sha256
from csad.config.line import ProductLine
from csad.runner.artifact_metadata import DescribedArtifact, Metadata, describe, origin_metadata
from csad.runner.data_source import merge_shards, resolve_uri
from csad.runner.fetched_weights import weights_at_hand
from csad.runner.files import translate_os_errors
from csad.runner.lock import end_with_holder
from csad.runner.needed_weights import require_pinned
from csad.runner.packed import pack_folder, unpacked
from csad.runner.shard import Shard
from csad.runner.snapshot import Snapshot
from csad.runner.stage import NO_OPTIONS, Options, Stage, StageRecord
from csad.runner.stage_runner import StageRunner
from csad.runner.summary import MetricSink, Summary, finite

S = TypeVar("S", bound=Summary)

STORE_VARIABLE = "CSAD_STAGES"
"""Where a local run keeps finished stages; unset in a cluster, where the pipeline's own cache does that."""


class Figures(MetricSink, DescribedArtifact, Protocol):
    """A metrics artifact: `path` is its file."""

    path: str


@dataclass(frozen=True)
class TaskResult(Generic[S]):
    """A finished task.

    Attributes:
        folder: Where its output lies, packed or not: the artifact's own path, or a folder that a local run reuses.
        summary: What the stage had to say.
        origin: The line, the data and the code that it came from.
    """

    folder: str
    summary: S
    origin: Metadata = field(default_factory=dict)

    def record(self, metrics: Figures, *artifacts: DescribedArtifact) -> None:
        """Log the figures, and write beside each artifact where it comes from and what was counted.

        Args:
            metrics: Gets the figures; of the rest only the origin, since it has them by sorted names.
            *artifacts: The other outputs.
        """
        self.summary.log_to(metrics, metrics.path)
        describe(self.origin, metrics)
        describe({**self.origin, **finite(self.summary.metrics())}, *artifacts)

    def path_of(self, name: str) -> Path:
        """A file of an output that is not packed."""
        return Path(self.folder) / name

    def publish(self, name: str, path: str) -> None:
        """Copy a file of the output to an artifact of its own."""
        with translate_os_errors(Path(path)), unpacked(Path(self.folder)) as folder:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, path)


def run_task(
    stage: Stage[S],
    line_yaml: str,
    seed: int,
    output: str,
    shard: str | None = None,
    **inputs: str | Sequence[str],
) -> TaskResult[S]:
    """Run a stage on artifacts.

    Args:
        stage: The stage.
        line_yaml: The product line, as text.
        seed: Seed of the run.
        output: Path of the output artifact.
        shard: The part of the images that this task does, where several divide them.
        **inputs: Paths or URIs of the inputs, by the stage's names; several where several tasks made one input.

    Raises:
        SystemExit: The stage failed for a reason that a user can put right; its message is the exit status.
    """
    with failing_clearly(stage.name), ExitStack() as held:
        line = ProductLine.from_yaml(line_yaml)
        options = NO_OPTIONS if shard is None else Shard.parse(shard).options
        store = os.environ.get(STORE_VARIABLE)
        kept = Path(store) if store else None
        if kept:
            end_with_holder(kept)
        else:
            held.enter_context(weights_at_hand(stage.name, line))
        folders = {
            name: held.enter_context(resolve_uri(given, kept) if isinstance(given, str) else merge_shards(given))
            for name, given in inputs.items()
        }
        if kept:
            result = StageRunner(kept, line, seed).run(stage, options, **folders)
            record = StageRecord.find(result.folder)
            origin = _origin(stage, line, seed, record.key if record else "", folders)
            return TaskResult(str(result.folder), result.summary, origin)
        key, summary = _run_in_place(stage, line, seed, Path(output), options, folders)
        return TaskResult(output, summary, _origin(stage, line, seed, key, folders))


@contextmanager
def failing_clearly(task: str) -> Iterator[None]:
    """Log as a task does, and end with one message where a user can put things right.

    Args:
        task: Put in front of the message.

    Raises:
        SystemExit: Instead of a CsadError, or of a file that the system refuses; its message is the exit status.
    """
    _log_plainly()
    try:
        yield
    except CsadError as error:
        raise SystemExit(f"Error: {task}: {error}") from None
    except OSError as error:
        reason = OS_REMEDIES.get(error.errno or 0, error.strerror or str(error))
        raise SystemExit(f"Error: {task}: {error.filename or 'a file'}: {reason}") from None


def _run_in_place(
    stage: Stage[S], line: ProductLine, seed: int, output: Path, options: Options, inputs: dict[str, Path]
) -> tuple[str, S]:
    started = time.monotonic()
    with translate_os_errors(output), _folder_of(stage, output) as folder:
        require_pinned(stage.name, line, file_sha256)
        key = stage.key(line, seed, inputs, options)
        summary = stage.execute(line, seed, folder, inputs, options)
        StageRecord.of(stage, key, time.monotonic() - started, summary).write(folder)
    logging.getLogger(__name__).info("%s: %s", stage.name, summary.headline())
    return key, summary


def _origin(stage: Stage[S], line: ProductLine, seed: int, key: str, inputs: dict[str, Path]) -> Metadata:
    snapshot = Snapshot.find(inputs["images"]) if "images" in inputs else None
    data = "" if snapshot is None else snapshot.digest if stage.reads_tests else snapshot.training_digest
    seeds: dict[str, str | float] = {"seed": seed} if stage.seeded else {}
    return {**origin_metadata(line.name, data, stage.run.__module__, key), "stage": stage.name, **seeds}


@contextmanager
def _folder_of(stage: Stage[S], output: Path) -> Iterator[Path]:
    """The folder that a stage writes: the output, or one that is packed into it at the end."""
    if not stage.packed:
        yield output
        return
    with tempfile.TemporaryDirectory(prefix=f"csad-{stage.name}-") as temporary:
        yield Path(temporary)
        pack_folder(Path(temporary), output)


def _log_plainly() -> None:
    """Write csad's messages as they are, one per line, beside whatever the pipeline's executor writes."""
    logger = logging.getLogger("csad")
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
