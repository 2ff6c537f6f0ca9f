"""Copies that share nothing with their source: who writes to one leaves the other as it was."""

import shutil
from pathlib import Path

FICLONE = 0x40049409
"""Linux's request to give a file the blocks of another, each copied as soon as one of the two writes to it."""


def copy_bytes(source: Path, target: Path) -> None:
    """Copy a file's bytes, without space or time where the file system can (Btrfs, XFS, ...).

    Args:
        source: The file, or a link to it.
        target: The new file, in a folder that exists; an older file or link is replaced, not written to.

    Raises:
        OSError: `source` cannot be read, or `target` not be written.
    """
    target.unlink(missing_ok=True)
    if not reflink(source, target):
        shutil.copyfile(source, target)


def reflink(source: Path, target: Path) -> bool:
    """Let a new file share the blocks of another until one is written to; False where that cannot be done."""
    try:
        from fcntl import ioctl
    except ModuleNotFoundError:  # Windows
        return False
    with source.open("rb") as old, target.open("wb") as new:
        try:
            ioctl(new, FICLONE, old.fileno())
        except OSError:
            return False
    return True
