"""Copies of a user's files that are what the check of them read, or an error."""

from collections.abc import Collection, Mapping
from pathlib import Path

from csad.common.errors import DatasetError
from csad.common.file_stamp import SeenFile
from csad.common.hashing import file_sha256
from csad.common.printable import printable
from csad.runner.files import copy_file


def copy_checked(source: Path, target: Path, contents: Mapping[Path, SeenFile]) -> None:
    """Copy a file and compare the copy with what the check read.

    Args:
        source: The user's file.
        target: Its copy; the folder is created.
        contents: Every file that was checked.

    Raises:
        DatasetError: The file is gone or holds something else by now; nothing is left in its place.
        OSError: The copy cannot be written.
    """
    if not source.is_file():
        raise _changed(source)
    copy_file(source, target)
    if file_sha256(target) != contents[source].sha256:
        target.unlink()
        raise _changed(source)


def require_all(listed: Collection[Path], contents: Mapping[Path, SeenFile]) -> None:
    """Compare a second listing of a data set with the first.

    Args:
        listed: Files that are to be used.
        contents: Every file that was checked.

    Raises:
        DatasetError: A file came or went in between.
    """
    for source in sorted(contents.keys() ^ set(listed)):
        raise _changed(source)


def require_unchanged(contents: Mapping[Path, SeenFile]) -> None:
    """Make sure that files that were read again after their check are those that were checked.

    Args:
        contents: Every file that was checked.

    Raises:
        DatasetError: One is gone or holds something else by now.
    """
    for path, seen in contents.items():
        if not (path.is_file() and seen.is_still(path)):
            raise _changed(path)


def _changed(path: Path) -> DatasetError:
    return DatasetError(
        f"{printable(path)} changed after it was checked; run the same command again when nothing writes to the data "
        "any more"
    )
