"""What a stage is: a function on folders, and what its result depends on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from csad.common import atomic
from csad.common.errors import StageError
from csad.common.file_stamp import FileStamp, SeenFile
from csad.common.hashing import file_sha256, json_sha256
from csad.config.line import ProductLine
from csad.runner.code import code_version, package_versions
from csad.runner.files import content_digest, visible_files
from csad.runner.snapshot import Snapshot
from csad.runner.stage_files import describe_files, find_damage
from csad.runner.summary import Summary

S = TypeVar("S", bound=Summary)
RECORD = "stage.json"
Options = Mapping[str, int]
NO_OPTIONS: Options = {}
OUT_OF_MEMORY = "OutOfMemoryError"
"""Torch's, by its name: not every stage needs torch, which takes seconds to import."""


def any_device() -> str | None:
    """The result is the same on every device, but for rounding."""
    return None


def no_weights(**_: object) -> Sequence[Path]:
    """For a stage that reads no published weights."""
    return ()


@dataclass(frozen=True)
class Stage(Generic[S]):
    """One step of the training pipeline.

    Attributes:
        name: Name as in the pipeline.
        run: Called with `line`, the inputs, `output` and, where it is seeded, `seed`, all by name.
        summary: What `run` returns.
        sections: Sections of the product line, those that the result depends on; empty means all of it.
        seeded: The result depends on the seed.
        device: What of the device the result depends on, where results differ in more than rounding: in a training
            each step starts from the last one's result.
        resumable: An interrupted `run` resumes from what it left in `output`.
        reads_tests: The result depends on the test images too.
        reads_raw: The inputs are a user's own files: only their bytes count.
        weights: Files of published weights, or of code outside csad, that `run` will read; called with `line` and the
            inputs by name.
        packed: It writes a file per image, so between the tasks of a cluster its output is one packed file.
    """

    name: str
    run: Callable[..., S]
    summary: type[S]
    sections: tuple[str, ...] = ()
    seeded: bool = False
    device: Callable[[], str | None] = any_device
    resumable: bool = False
    reads_tests: bool = False
    reads_raw: bool = False
    weights: Callable[..., Sequence[Path]] = no_weights
    packed: bool = False

    def key(
        self,
        line: ProductLine,
        seed: int,
        inputs: Mapping[str, Path],
        options: Options = NO_OPTIONS,
        digest: Callable[[Path], str] = file_sha256,
    ) -> str:
        """SHA-256 over all that the result depends on: equal keys, equal results.

        Args:
            line: Product line.
            seed: Seed of the run.
            inputs: Folders that the stage reads, by name.
            options: Numbers that it takes beside them.
            digest: SHA-256 of a file of weights.

        Raises:
            CsadError: The stage needs weights, an input that names them or a device, which are missing.
        """
        parts = {
            "stage": self.name,
            "code": code_version(self.run.__module__),
            "packages": dict(package_versions(self.run.__module__)),
            "line": line.section_digest(*self.sections) if self.sections else line.digest(),
            "seed": seed if self.seeded else None,
            "device": self.device(),
            "inputs": {name: self._input_key(folder) for name, folder in inputs.items()},
            "options": dict(options),
            "weights": [digest(file) for file in self.weights(line=line, **inputs)],
        }
        return json_sha256(parts)

    def raw_state(self, inputs: Mapping[str, Path], kept: Path) -> dict[Path, FileStamp]:
        """The stamps of a user's files that the stage reads, hidden ones excepted; empty where it reads other stages.

        Args:
            inputs: Folders that the stage reads, by name.
            kept: Where stages are kept, which may lie within: files below are no user's.
        """
        if not self.reads_raw:
            return {}
        files = [file for folder in inputs.values() for file in visible_files(folder)]
        own = kept.absolute()
        stamps = {file: FileStamp.find(file) for file in files if not file.absolute().is_relative_to(own)}
        return {file: stamp for file, stamp in stamps.items() if stamp}

    def execute(
        self,
        line: ProductLine,
        seed: int,
        output: Path,
        inputs: Mapping[str, Path],
        options: Options = NO_OPTIONS,
    ) -> S:
        """Run the stage into a folder.

        Raises:
            CsadError: Whatever the stage raises; StageError where a GPU's memory does not suffice.
        """
        output.mkdir(parents=True, exist_ok=True)
        seeds = {"seed": seed} if self.seeded else {}
        try:
            return self.run(line=line, output=output, **inputs, **options, **seeds)
        except RuntimeError as error:
            if type(error).__name__ != OUT_OF_MEMORY:
                raise
            raise StageError(
                f"the GPU's memory does not suffice ({str(error).splitlines()[0]}); free the GPU, lower the line's "
                "images.area or batch size, or set CSAD_DEVICE=cpu"
            ) from error

    def _input_key(self, folder: Path) -> str:
        if self.reads_raw:
            return content_digest(folder)
        snapshot = Snapshot.find(folder)
        if snapshot:
            digest = snapshot.digest if self.reads_tests else snapshot.training_digest
            return digest + snapshot.registration
        record = StageRecord.find(folder)
        return record.key if record else content_digest(folder)


class StageRecord(BaseModel):
    """`stage.json`: how a stage's folder came about.

    Attributes:
        stage: Name of the stage.
        key: What the result depended on.
        seconds: How long it took.
        summary: The fields of the stage's summary.
        inputs: Keys of the stages whose folders it read, by the names of its inputs.
        files: What it wrote, where that is to be reused.
    """

    model_config = ConfigDict(frozen=True)

    stage: str
    key: str
    seconds: float
    summary: dict[str, Any]
    inputs: dict[str, str] = Field(default_factory=dict)
    files: dict[str, SeenFile] = Field(default_factory=dict)

    @classmethod
    def find(cls, folder: Path) -> "StageRecord | None":
        """Read the record of a finished stage's folder; None where there is none."""
        try:
            return cls.model_validate_json((folder / RECORD).read_text(encoding="utf-8"))
        except (OSError, ValidationError, UnicodeDecodeError):
            return None

    @classmethod
    def of(cls, stage: Stage[S], key: str, seconds: float, summary: S) -> "StageRecord":
        """Describe a finished stage."""
        values = TypeAdapter(stage.summary).dump_python(summary, mode="json")
        return cls(stage=stage.name, key=key, seconds=round(seconds, 3), summary=values)

    def with_origin(self, folder: Path, inputs: Mapping[str, Path]) -> "StageRecord":
        """Add what a folder holds and which stages it came from."""
        records = {name: StageRecord.find(source) for name, source in inputs.items()}
        keys = {name: record.key for name, record in records.items() if record}
        return self.model_copy(update={"inputs": keys, "files": describe_files(folder, leave_out=(RECORD,))})

    def find_damage(self, folder: Path) -> str | None:
        """Say which file of the folder is missing or changed; None where all are as the stage left them."""
        return find_damage(folder, self.files)

    def write(self, folder: Path) -> None:
        """Leave the record in the stage's folder."""
        atomic.write_text(folder / RECORD, self.model_dump_json(indent=2) + "\n")

    def summary_as(self, stage: Stage[S]) -> S:
        """The summary as the stage returned it."""
        return TypeAdapter(stage.summary).validate_python(self.summary)
