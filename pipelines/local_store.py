"""The store of a local run: the one that the environment names, or one that runs as long as the run does."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from csad.config.line import ProductLine
from csad.store.embedded import EmbeddedStore
from csad.store.objects import ObjectStore
from csad.store.push import push_dataset
from csad.store.settings import ENDPOINT, StoreSettings


@contextmanager
def local_store(folder: Path) -> Iterator[StoreSettings]:
    """Have a store.

    Args:
        folder: Where the embedded server keeps its files, if it is needed.

    Yields:
        How to reach it.

    Raises:
        StoreError: The environment's settings are incomplete, or the server does not start.
    """
    if os.environ.get(ENDPOINT):
        yield StoreSettings.from_environment()
        return
    with EmbeddedStore(folder) as server:
        yield server.settings


def push_images(settings: StoreSettings, line: ProductLine, data: Path) -> str:
    """Store the images of a folder as they are; `ingest` checks them.

    Args:
        settings: Settings of the store.
        line: Whose images they are.
        data: LOCO layout or a flat folder of good images.

    Returns:
        Address of this version.

    Raises:
        DatasetError: There are no images.
        StoreError: The store does not answer.
    """
    version = push_dataset(ObjectStore.connect(settings), data, line.name)
    return f"store://{line.name}@{version.digest}"
