"""The store of a local run: the one that the environment names, or one that runs as long as the run does."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from csad.images import ImageSet
from csad.images.ignored import tell_ignored
from csad.images.layout import list_images
from csad.line import ProductLine
from csad.store.datasets import push_checked
from csad.store.embedded import EmbeddedStore
from csad.store.objects import ObjectStore
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
        settings: Of the store.
        line: Whose images they are.
        data: LOCO layout or a flat folder of good images.

    Returns:
        Address of this version.

    Raises:
        DatasetError: There are no images.
        StoreError: The store does not answer.
    """
    listed = list_images(data, line.images.validation_fraction)
    tell_ignored(data)
    images = ImageSet(
        root=data,
        train=tuple(image for image in listed if image.split == "train"),
        validation=tuple(image for image in listed if image.split == "validation"),
        test=tuple(image for image in listed if image.split == "test"),
        digest="",
        training_digest="",
        problems=(),
    )
    version = push_checked(ObjectStore.connect(settings), images, line.name)
    return f"store://{line.name}@{version.digest}"
