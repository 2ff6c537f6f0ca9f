"""What the files of a batch hold while it is scored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from csad.cli.results import FileState
from csad.common.file_stamp import FileStamp
from csad.common.hashing import file_sha256


@dataclass(frozen=True)
class ScoredFile:
    """A file that is being scored.

    Attributes:
        path: The file.
        stamp: Taken before it was read.
        state: What its row is to say, unless it changes.
    """

    path: Path
    stamp: FileStamp
    state: FileState

    @classmethod
    def read(cls, path: Path) -> ScoredFile | None:
        """Read a file before it is scored; None where that fails, scoring says why."""
        try:
            stamp = FileStamp.of(path)
            state = FileState.of(stamp, None)
            return cls(path, stamp, replace(state, sha256=file_sha256(path)))
        except OSError:
            return None


def read_all(paths: Iterable[Path]) -> dict[Path, ScoredFile]:
    """Read the files of a batch before it is scored; those that cannot be read are left out."""
    found = map(ScoredFile.read, paths)
    return {file.path: file for file in found if file is not None}


def state_after(path: Path, before: ScoredFile | None) -> FileState:
    """Describe a file after it was scored; without a digest where it changed meanwhile: who knows what was scored.

    Args:
        path: The file.
        before: What was read before; None where that failed.
    """
    stamp = FileStamp.find(path)
    return before.state if before and before.stamp == stamp else FileState.of(stamp, None)
