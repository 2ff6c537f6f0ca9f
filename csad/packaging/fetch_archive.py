"""Unpacking an archive that nobody has to be trusted for."""

import gzip
import shutil
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from csad.common.errors import DeploymentError

CHUNK = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What an archive may unpack to.

    Attributes:
        files: Number of files and folders.
        bytes: Bytes of all files together, and of everything that the archive holds when decompressed.
    """

    files: int = 20_000
    bytes: int = 8 << 30


class UnsafeArchive(DeploymentError):  # noqa: N818 - named for what was found
    """An archive that is damaged, or that wants to write where it must not."""


def extract(archive: Path, folder: Path, limits: Limits | None = None) -> None:
    """Unpack a .tar.gz of plain files and folders; anything else in it is refused.

    Modes, owners and times of the archive are ignored. A refused archive leaves what was unpacked before the
    offending entry, so give a folder that can be thrown away.

    Args:
        archive: The .tar.gz file.
        folder: An empty folder.
        limits: The most that it may unpack to.

    Raises:
        UnsafeArchive: A link, a device, a path outside the folder, an entry that appears twice, too many or too
            large files, or not a whole gzip-compressed tar file.
        OSError: The folder cannot be written, or the disk is full.
    """
    limits = limits or Limits()
    seen: set[PurePosixPath] = set()
    with archive.open("rb") as stream:
        source = _Bounded(stream, archive, limits.bytes)
        try:
            with tarfile.open(fileobj=source, mode="r|") as entries:  # type: ignore[call-overload]
                for entry in entries:
                    path = _safe_path(entry, archive)
                    if path in seen and not entry.isdir():
                        raise UnsafeArchive(f"{archive.name} holds {entry.name!r} twice; expected every file once")
                    seen.add(path)
                    if len(seen) > limits.files:
                        raise UnsafeArchive(f"{archive.name} holds more than {limits.files} files; expected a Bento")
                    _unpack(entries, entry, folder / path)
            while source.read(CHUNK):  # to the end, where the checksum is
                continue
        except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise UnsafeArchive(f"{archive.name} is damaged: {error}; expected a whole .tar.gz file") from None
    if not seen:
        raise UnsafeArchive(f"{archive.name} is empty; expected a Bento")


class _Bounded:
    """Decompresses, and stops a bomb: nothing downstream sees more than the limit."""

    def __init__(self, stream: BinaryIO, archive: Path, limit: int) -> None:
        self._stream = gzip.GzipFile(fileobj=stream)
        self._archive = archive
        self._limit = limit
        self._read = 0

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._read += len(data)
        if self._read > self._limit:
            raise UnsafeArchive(f"{self._archive.name} unpacks to more than {self._limit} bytes; expected a Bento")
        return data


def _safe_path(entry: tarfile.TarInfo, archive: Path) -> PurePosixPath:
    path = PurePosixPath(entry.name)
    if path.is_absolute() or ".." in path.parts or "\\" in entry.name or "\0" in entry.name:
        raise UnsafeArchive(f"{archive.name} wants to write to {entry.name!r}; expected paths inside the archive")
    if entry.issym() or entry.islnk():
        raise UnsafeArchive(f"{archive.name} holds the link {entry.name!r}; expected plain files and folders")
    if not (entry.isdir() or entry.type in tarfile.REGULAR_TYPES) or entry.issparse():
        raise UnsafeArchive(f"{archive.name} holds the special file {entry.name!r}; expected plain files and folders")
    return path


def _unpack(entries: tarfile.TarFile, entry: tarfile.TarInfo, path: Path) -> None:
    try:
        if entry.isdir():
            path.mkdir(parents=True, exist_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        content = entries.extractfile(entry)
        assert content is not None  # only for links and special files, which are refused before
        with content, path.open("xb") as target:
            shutil.copyfileobj(content, target, CHUNK)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise UnsafeArchive(f"the archive uses {entry.name!r} as a file and as a folder; expected one") from None
