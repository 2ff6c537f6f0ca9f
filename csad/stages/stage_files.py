"""The files of a finished stage as they were, so that a damaged one is not taken for it."""

from collections.abc import Collection, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from csad.printable import printable
from csad.stages.files import file_digest, visible_files


class StageFile(BaseModel):
    """A file as the stage left it.

    Attributes:
        bytes: Its size.
        modified: Time of the last change of its content, in nanoseconds.
        sha256: Digest of its bytes.
    """

    model_config = ConfigDict(frozen=True)

    bytes: int
    modified: int
    sha256: str


def describe_files(folder: Path, leave_out: Collection[str] = ()) -> dict[str, StageFile]:
    """Describe everything in a folder, by relative name, hidden files excepted.

    Args:
        folder: A finished stage's.
        leave_out: Names of files that do not count.
    """
    return {name: _describe(file) for name, file in _named(folder).items() if name not in leave_out}


def find_damage(folder: Path, files: Mapping[str, StageFile]) -> str | None:
    """Say which file is missing or changed, or None where all are as they were.

    A file is read only where its time has changed: it may have been copied or touched.

    Args:
        folder: A finished stage's.
        files: What `describe_files` said when it was finished.
    """
    here = _named(folder)
    for name, known in files.items():
        if name not in here:
            return f"{name} is missing"
        status = here[name].stat()
        if status.st_size != known.bytes:
            return f"{name} was changed"
        if status.st_mtime_ns != known.modified and file_digest(here[name]) != known.sha256:
            return f"{name} was changed"
    return None


def _named(folder: Path) -> dict[str, Path]:
    return {printable(file.relative_to(folder).as_posix()): file for file in visible_files(folder)}


def _describe(file: Path) -> StageFile:
    status = file.stat()
    return StageFile(bytes=status.st_size, modified=status.st_mtime_ns, sha256=file_digest(file))
