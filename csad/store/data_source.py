"""Data sets by address: store://LINE, store://LINE@DIGEST."""

import re
from pathlib import Path

from csad.common.errors import StoreError
from csad.store.datasets import pull_dataset
from csad.store.objects import ObjectStore
from csad.store.settings import StoreSettings
from csad.store.snapshots import resolve

SCHEME = "store://"
ADDRESS = re.compile(r"store://([^@/]+)(?:@([^@/]+))?/?")


def exact_address(store: ObjectStore, uri: str) -> str:
    """Name the version that an address means now: "store://LINE@" and the whole digest.

    Raises:
        StoreError: Another kind of address, there is no such data, or the store does not answer.
    """
    line, digest = _parts(uri)
    return f"{SCHEME}{line}@{resolve(store, line, digest).digest}"


def fetch(uri: str, folder: Path) -> Path:
    """Fetch a data set from the store that the environment names.

    Args:
        uri: "store://LINE" for what was pushed last, "store://LINE@DIGEST" for one version.
        folder: Empty or not there yet; may hold what an interrupted fetch of the same version left.

    Returns:
        The folder, ready for `ingest`.

    Raises:
        StoreError: Another kind of address, no store is set up, there is no such data, or it is damaged.
        OSError: The folder cannot be written.
    """
    line, digest = _parts(uri)
    pull_dataset(ObjectStore.connect(StoreSettings.from_environment()), line, digest, folder)
    return folder


def _parts(uri: str) -> tuple[str, str | None]:
    found = ADDRESS.fullmatch(uri)
    if found is None:
        raise StoreError(f"{uri!r} is no address of stored data; expected store://LINE or store://LINE@DIGEST")
    return found[1], found[2]
