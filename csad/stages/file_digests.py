"""Digests of large files, remembered while the files stay as they are."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from csad import atomic
from csad.stages.files import file_digest, writing


class SeenFile(BaseModel):
    """A file as it was when it was read.

    Attributes:
        stamp: Size in bytes, inode, times of the last change of content and of anything, in nanoseconds.
        sha256: Digest of its bytes.
    """

    model_config = ConfigDict(frozen=True)

    stamp: tuple[int, int, int, int]
    sha256: str


_SEEN = TypeAdapter(dict[str, SeenFile])


class FileDigests:
    """SHA-256 of files of gigabytes, read again only when something about them changed.

    Args:
        memory: JSON file that remembers them; without it, or where it is damaged, every file is read.
    """

    def __init__(self, memory: Path) -> None:
        self._memory = memory

    def of(self, file: Path) -> str:
        """SHA-256 of a file's bytes.

        Raises:
            StageError: The memory cannot be written.
        """
        place, stamp = str(file.resolve()), _stamp(file)
        known = self._read().get(place)
        if known and known.stamp == stamp:
            return known.sha256
        digest = file_digest(file)
        seen = {**self._read(), place: SeenFile(stamp=stamp, sha256=digest)}
        with writing(self._memory):
            atomic.write_text(self._memory, _SEEN.dump_json(seen, indent=2).decode() + "\n")
        return digest

    def _read(self) -> dict[str, SeenFile]:
        try:
            return _SEEN.validate_json(self._memory.read_bytes())
        except (OSError, ValidationError):
            return {}


def _stamp(file: Path) -> tuple[int, int, int, int]:
    status = file.stat()
    return status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns
