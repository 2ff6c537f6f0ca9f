"""Digests of large files, remembered while the files stay as they are."""

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from csad.common import atomic
from csad.common.file_stamp import FileStamp, SeenFile
from csad.common.hashing import file_sha256
from csad.runner.files import translate_os_errors

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
        place, stamp = str(file.resolve()), FileStamp.of(file)
        known = self._read().get(place)
        if known and known.stamp == stamp:
            return known.sha256
        digest = file_sha256(file)
        seen = {**self._read(), place: SeenFile(stamp=stamp, sha256=digest)}
        with translate_os_errors(self._memory):
            atomic.write_text(self._memory, _SEEN.dump_json(seen, indent=2).decode() + "\n")
        return digest

    def _read(self) -> dict[str, SeenFile]:
        try:
            return _SEEN.validate_json(self._memory.read_bytes())
        except (OSError, ValidationError):
            return {}
