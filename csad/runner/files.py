"""Folders that stages hand to each other."""

import errno
import os
import re
import shutil
import unicodedata
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from csad.common.errors import OS_REMEDIES, StageError
from csad.common.file_copy import copy_bytes
from csad.common.hashing import file_sha256, files_sha256
from csad.config.settings import MAXIMUM_DEPTH

REFUSALS = OS_REMEDIES.keys() - {errno.ENOENT, errno.EISDIR}
"""What a disk may answer to a program that is right."""


@contextmanager
def translate_os_errors(path: Path) -> Iterator[None]:
    """Turn the failures of a disk into an error that names the path and says what to do.

    Args:
        path: What is being written; named where the operating system names nothing.

    Raises:
        StageError: The disk is full, read-only or refuses; finished stages are as they were.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        raise _refused(error.filename2 or error.filename or path, error.errno) from error
    except SafetensorError as error:
        code = re.search(r"\(os error (\d+)\)", str(error))
        if code is None or int(code[1]) not in REFUSALS:
            raise
        raise _refused(path, int(code[1])) from error


def _refused(path: object, code: int) -> StageError:
    return StageError(
        f"cannot write {path}: {OS_REMEDIES[code]}, then run the same command again; finished stages are kept"
    )


def copy_file(source: Path, target: Path) -> None:
    """Copy a file's bytes into a folder that need not exist; an older file, or link, is replaced and not written to."""
    target.parent.mkdir(parents=True, exist_ok=True)
    copy_bytes(source, target)


def content_digest(folder: Path) -> str:
    """SHA-256 over the names and bytes of everything in a folder, hidden files excepted."""
    return files_sha256(
        {
            unicodedata.normalize("NFC", file.relative_to(folder).as_posix()): file_sha256(file)
            for file in visible_files(folder)
        }
    )


def replace_folder(source: Path, target: Path, leave_out: Collection[str] = ()) -> None:
    """Put a copy of a folder in another's place; `target` is the old one, or the whole new one.

    Files are copied, not linked: who changes the published ones leaves the finished stage whole.

    Args:
        source: Folder to publish; it stays.
        target: Its new place. What lies there is removed once the copy is complete.
        leave_out: Names of files that are not published.

    Raises:
        OSError: The disk is full or refuses; `target` is as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    incoming = target.with_name(f".{target.name}.incoming")
    outgoing = target.with_name(f".{target.name}.outgoing")
    shutil.rmtree(incoming, ignore_errors=True)
    shutil.rmtree(outgoing, ignore_errors=True)
    try:
        for file in visible_files(source):
            if file.name in leave_out:
                continue
            copy_file(file, incoming / file.relative_to(source))
        if target.exists():
            target.rename(outgoing)
        incoming.rename(target)
    except OSError:
        if outgoing.exists() and not target.exists():
            outgoing.rename(target)
        raise
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
    shutil.rmtree(outgoing, ignore_errors=True)


def visible_files(folder: Path) -> list[Path]:
    """All files of a folder and of those below it, in order; hidden ones are left out."""
    found = []
    for here, folders, names in os.walk(folder, followlinks=True):
        below = Path(here)
        folders[:] = [name for name in folders if not name.startswith(".") and not _leads_back(below / name)]
        if len(below.relative_to(folder).parts) >= MAXIMUM_DEPTH:
            folders.clear()
        found += [below / name for name in names if not name.startswith(".")]
    return sorted(file for file in found if file.is_file())


def _leads_back(folder: Path) -> bool:
    """Whether a folder is a link to one that it lies in."""
    return folder.is_symlink() and folder.parent.resolve().is_relative_to(folder.resolve())
