"""What a folder watcher has done: a file of JSON lines that is the result and the memory at the same time."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout

from csad.common.errors import ServingError
from csad.common.file_stamp import FileStamp


@dataclass(frozen=True)
class Seen:
    """One state of one file; the same name with another stamp is another.

    Attributes:
        file: Path relative to the watched folder, with forward slashes.
        stamp: What the file was when it was read.
    """

    file: str
    stamp: FileStamp


class Ledger:
    """Appends a line per image, on disk before the next image is taken.

    A line that a crash left unfinished is removed at the start, and its image is scored again. Of each file the last
    line counts. A line of an older csad knows size and time of modification alone, which do not show that the image is
    the one that was scored: it counts for nothing.

    Args:
        path: The file; created with its folder.

    Raises:
        ServingError: The file holds something else.
        OSError: It cannot be written.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._done: dict[str, FileStamp] = {}
        self._scored: dict[str, str] = {}
        self._vague: dict[str, None] = {}
        self._lock = FileLock(path.with_name(f".{path.name}.lock"), blocking=False)
        try:
            self._lock.acquire()
        except Timeout:
            raise ServingError(
                f"{path} is in use by another csad watch; end it, or name another file with --out"
            ) from None
        self._file = path.open("a+b")
        try:
            self._read()
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._close()

    def _close(self) -> None:
        self._file.close()
        self._lock.release()

    def __len__(self) -> int:
        return len(self._done)

    def __contains__(self, seen: Seen) -> bool:
        return self._done.get(seen.file) == seen.stamp

    @property
    def vague(self) -> int:
        """Files whose last line does not say what they held."""
        return len(self._vague)

    def holds_still(self, seen: Seen, sha256: str) -> bool:
        """Whether a file of another stamp has the bytes that were scored; this stamp is remembered then.

        It was touched, moved or put back. An image that was refused is tried again.
        """
        same = self._scored.get(seen.file) == sha256
        if same:
            self._done[seen.file] = seen.stamp
        return same

    def add(self, seen: Seen, sha256: str, result: dict[str, Any]) -> None:
        """Record an image's result.

        Args:
            seen: The file, looked at before it was read.
            sha256: Digest of what was scored.
            result: What the service said, or the error.
        """
        stamp = seen.stamp
        times = {"modified": stamp.modified, "changed": stamp.changed}
        line = {"file": seen.file, "bytes": stamp.size, **times, "inode": stamp.inode, "sha256": sha256, **result}
        # ASCII also carries names that are not UTF-8; reading gives the same name again.
        self._file.write(json.dumps(line).encode("ascii") + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._remember(line)

    def _remember(self, line: dict[str, Any]) -> None:
        file, size, modified = str(line["file"]), int(line["bytes"]), int(line["modified"])
        for memory in (self._done, self._scored, self._vague):
            memory.pop(file, None)
        if "sha256" not in line:
            self._vague[file] = None
            return
        self._done[file] = FileStamp(size, int(line["inode"]), modified, int(line["changed"]))
        if "error" not in line:
            self._scored[file] = str(line["sha256"])

    def _read(self) -> None:
        self._file.seek(0)
        whole = 0
        for number, line in enumerate(self._file, start=1):
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            try:
                self._remember(json.loads(line))
            except (ValueError, KeyError, TypeError):
                raise ServingError(
                    f"{self._path} line {number} is not of csad watch; name another file with --out"
                ) from None
        self._file.truncate(whole)
