"""How csad tells whether a file is still the one that it read: one stamp for all that remembers files.

Size and time of modification alone do not tell: archives, `cp -p` and `rsync -t` set both. The time of the last change
of anything about a file cannot be set, and a file that was put in another's place has another inode.
"""

import os
from pathlib import Path
from typing import IO, NamedTuple, Self

from pydantic import BaseModel, ConfigDict

from csad.common.hashing import file_sha256

SETTLED = 2_000_000_000
"""Nanoseconds after which a second change surely gets another time: the coarsest clock of a file system in use."""


class FileStamp(NamedTuple):
    """The state of a file, without reading it.

    Attributes:
        size: In bytes.
        inode: Its number in the file system.
        modified: Time of the last change of its content, nanoseconds; programs can set it.
        changed: Time of the last change of anything about it, nanoseconds; programs cannot set it.
    """

    size: int
    inode: int
    modified: int
    changed: int

    @classmethod
    def of(cls, file: Path) -> Self:
        """Look at a file.

        Raises:
            OSError: It is not there.
        """
        return cls.of_status(file.stat())

    @classmethod
    def of_open(cls, stream: IO[bytes]) -> Self:
        """Look at an open file, whatever lies under its name by now."""
        return cls.of_status(os.fstat(stream.fileno()))

    @classmethod
    def of_status(cls, status: os.stat_result) -> Self:
        """Take what the system says about a file."""
        return cls(status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns)

    @classmethod
    def find(cls, file: Path) -> Self | None:
        """Look at a file; None where that cannot be done, such as a link to nowhere."""
        try:
            return cls.of(file)
        except OSError:
            return None

    def is_settled(self, now: int) -> bool:
        """Whether a change after `now`, nanoseconds since 1970, would surely show in another stamp."""
        return now - max(self.modified, self.changed) >= SETTLED


class SeenFile(BaseModel):
    """A file as it was when it was read.

    Attributes:
        stamp: Taken before the first byte was read, so that a later change shows.
        sha256: Digest of its bytes.
    """

    model_config = ConfigDict(frozen=True)

    stamp: FileStamp
    sha256: str

    @classmethod
    def of(cls, file: Path) -> Self:
        """Read a file.

        Raises:
            OSError: It cannot be read.
        """
        stamp = FileStamp.of(file)
        return cls(stamp=stamp, sha256=file_sha256(file))

    def is_still(self, file: Path) -> bool:
        """Whether a file holds the same bytes; it is read only where its stamp is another.

        Raises:
            OSError: It cannot be read.
        """
        stamp = FileStamp.of(file)
        return stamp == self.stamp or (stamp.size == self.stamp.size and file_sha256(file) == self.sha256)
