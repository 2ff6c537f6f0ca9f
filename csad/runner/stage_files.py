"""The files of a finished stage as they were, so that a damaged one is not taken for it."""

from collections.abc import Collection, Mapping
from pathlib import Path

from csad.common.file_stamp import SeenFile
from csad.common.printable import printable
from csad.runner.files import visible_files


def describe_files(folder: Path, leave_out: Collection[str] = ()) -> dict[str, SeenFile]:
    """Describe everything in a folder, by relative name, hidden files excepted.

    Args:
        folder: A finished stage's.
        leave_out: Names of files that do not count.
    """
    return {name: SeenFile.of(file) for name, file in _named(folder).items() if name not in leave_out}


def find_damage(folder: Path, files: Mapping[str, SeenFile]) -> str | None:
    """Say which file is missing or changed, or None where all are as they were.

    A file is read only where its stamp has changed: it may have been copied or touched.

    Args:
        folder: A finished stage's.
        files: What `describe_files` said when it was finished.
    """
    here = _named(folder)
    for name, known in files.items():
        if name not in here:
            return f"{name} is missing"
        if not known.is_still(here[name]):
            return f"{name} was changed"
    return None


def _named(folder: Path) -> dict[str, Path]:
    return {printable(file.relative_to(folder).as_posix()): file for file in visible_files(folder)}
