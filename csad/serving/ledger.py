"""What a folder watcher has done: a file of JSON lines that is the result and the memory at the same time."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from csad.errors import ServingError


@dataclass(frozen=True)
class Seen:
    """One state of one file; the same name with other content is another.

    Attributes:
        file: Path relative to the watched folder, with forward slashes.
        bytes: Its size.
        modified: Its time of modification, nanoseconds.
    """

    file: str
    bytes: int
    modified: int


class Ledger:
    """Appends a line per image, on disk before the next image is taken.

    A line that a crash left unfinished is removed at the start, and its image is scored again.

    Args:
        path: The file; created with its folder.

    Raises:
        ServingError: The file holds something else.
        OSError: It cannot be written.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = path.open("a+b")
        try:
            _lock(self._file.fileno(), path)
            self._done = self._read()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._done)

    def __contains__(self, seen: Seen) -> bool:
        return seen in self._done

    def add(self, seen: Seen, result: dict[str, Any]) -> None:
        """Record an image's result."""
        line = {"file": seen.file, "bytes": seen.bytes, "modified": seen.modified, **result}
        # ASCII also carries names that are not UTF-8; reading gives the same name again.
        self._file.write(json.dumps(line).encode("ascii") + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._done.add(seen)

    def _read(self) -> set[Seen]:
        self._file.seek(0)
        done, whole = set(), 0
        for number, line in enumerate(self._file, start=1):
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            try:
                record = json.loads(line)
                done.add(Seen(str(record["file"]), int(record["bytes"]), int(record["modified"])))
            except (ValueError, KeyError, TypeError):
                raise ServingError(
                    f"{self._path} line {number} is not of csad watch; name another file with --out"
                ) from None
        self._file.truncate(whole)
        return done


def _lock(handle: int, path: Path) -> None:
    """Keep a second watcher out; the lock ends with the process."""
    try:
        import fcntl
    except ModuleNotFoundError:  # Windows: two watchers on one file are the user's to avoid
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ServingError(f"{path} is in use by another csad watch; end it, or name another file with --out") from None
