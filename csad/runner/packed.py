"""Folders as one file: a launcher moves a file in the time that it takes for one image, however many are in it."""

import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from csad.common import atomic
from csad.common.errors import StageError
from csad.runner.files import translate_os_errors, visible_files


def pack_folder(folder: Path, file: Path) -> None:
    """Pack all files of a folder, hidden ones excepted; equal names and bytes give equal bytes.

    Args:
        folder: What to pack.
        file: An uncompressed tar file: images and run-lengths hardly shrink.

    Raises:
        OSError: It cannot be written.
    """
    pack_files({path.relative_to(folder).as_posix(): path for path in visible_files(folder)}, file)


def pack_files(files: Mapping[str, Path], file: Path) -> None:
    """Pack files under names of their own, in the order of these names.

    Raises:
        OSError: The packed file cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic.replacing(file) as draft, tarfile.open(draft, "w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(files):
            # Owner, mode and times are the same everywhere: the digest is one of names and bytes alone.
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = files[name].stat().st_size, 0o644
            with files[name].open("rb") as content:
                archive.addfile(entry, content)


def unpack(file: Path, folder: Path) -> None:
    """Put the files of a packed folder into a folder; nothing outside of it is written.

    Raises:
        StageError: The file is damaged or wants to write elsewhere, or the folder cannot be written.
    """
    try:
        with translate_os_errors(folder), tarfile.open(file, "r:") as archive:
            folder.mkdir(parents=True, exist_ok=True)
            archive.extractall(folder, filter="data")
    except tarfile.TarError as error:
        raise StageError(f"{file} is no packed folder ({error}); run the stage that wrote it again") from error


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Have the files of an artifact at hand: a folder as it is, a packed one unpacked for the while.

    Raises:
        StageError: The packed folder is damaged, or there is no room for its files.
    """
    if not path.is_file():
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="csad-unpacked-") as temporary:
        unpack(path, Path(temporary))
        yield Path(temporary)
