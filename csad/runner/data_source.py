"""What a task reads: data sets by their address, and the outputs of tasks that divided a stage's work."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from csad.common.errors import DatasetError
from csad.common.hashing import bytes_sha256
from csad.runner.files import copy_file, translate_os_errors
from csad.runner.packed import unpack, unpacked
from csad.runner.stage import RECORD
from csad.runner.stage_folders import FETCHED, folder_name

STORED = "store://"
INGESTED = "ingested://"


def locate(uri: str) -> Path:
    """Resolve the address of a folder.

    Args:
        uri: A path, or file:///path.

    Raises:
        DatasetError: Another kind of address.
    """
    if "://" not in uri:
        return Path(uri)
    parts = urlsplit(uri)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise DatasetError(
            f"cannot read data from {uri}; expected store://LINE, store://LINE@DIGEST, a folder's path or file:///path"
        )
    return Path(unquote(parts.path))


@contextmanager
def resolve_uri(uri: str, kept: Path | None = None) -> Iterator[Path]:
    """Have the files of an address at hand.

    Args:
        uri: A path, of a folder or a packed one; file:///path; store://LINE or store://LINE@DIGEST; or
            ingested://LINE/SHA256, images that `ingest` checked.
        kept: Where a fetched version stays for the next run; without it, it is removed afterwards.

    Yields:
        The folder.

    Raises:
        DatasetError: Another kind of address.
        StoreError: The store is not set up, does not answer, or has no such data.
        StageError: The fetched files cannot be written.
    """
    if uri.startswith(INGESTED):
        with tempfile.TemporaryDirectory(prefix="csad-images-") as temporary:
            yield _fetched(uri, Path(temporary))
        return
    if not uri.startswith(STORED):
        with unpacked(locate(uri)) as folder:
            yield folder
        return
    from csad.store.data_source import fetch

    if kept is not None and "@" in uri:
        folder = kept / folder_name(FETCHED, bytes_sha256(uri.encode()))
        with translate_os_errors(folder):
            fetch(uri, folder)
            os.utime(folder)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="csad-data-") as temporary:
        folder = Path(temporary) / "images"
        with translate_os_errors(folder):
            fetch(uri, folder)
        yield folder


def _fetched(address: str, temporary: Path) -> Path:
    """Fetch the checked images of an address into a folder."""
    from csad.store.objects import ObjectStore
    from csad.store.packed_sets import get_packed
    from csad.store.settings import StoreSettings

    packed, folder = temporary / "images.tar", temporary / "images"
    with translate_os_errors(packed):
        get_packed(ObjectStore.connect(StoreSettings.from_environment()), address, packed)
    unpack(packed, folder)
    packed.unlink()
    return folder


@contextmanager
def merge_shards(folders: Sequence[str]) -> Iterator[Path]:
    """Bring the outputs of all shards together.

    Args:
        folders: One per shard, packed or not. A single one is used as it is.

    Yields:
        A folder with the files of all; it is gone afterwards.

    Raises:
        StageError: The files cannot be written.
    """
    if len(folders) == 1:
        with unpacked(Path(folders[0])) as folder:
            yield folder
        return
    with tempfile.TemporaryDirectory(prefix="csad-shards-") as together:
        with translate_os_errors(Path(together)):
            for shard in map(Path, folders):
                with unpacked(shard) as folder:
                    for file in folder.rglob("*"):
                        if file.is_file() and file.name != RECORD:
                            copy_file(file, Path(together) / file.relative_to(folder))
        yield Path(together)
