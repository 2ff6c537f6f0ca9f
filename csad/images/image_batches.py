"""Batches of images that are bounded by their pixels, too: eight images of a large camera would fill the memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")

BATCH_PIXELS = 16_000_000
"""A batch is full from here on; with its maps an image takes about 15 bytes a pixel."""


def in_batches(images: Iterable[tuple[T, NDArray[np.uint8]]]) -> Iterator[list[tuple[T, NDArray[np.uint8]]]]:
    """Group images as they are read, in their order; an image larger than a batch is one of its own.

    Args:
        images: What each image is and the image, uint8 (H, W, 3).

    Yields:
        One or more of them.
    """
    batch: list[tuple[T, NDArray[np.uint8]]] = []
    pixels = 0
    for name, image in images:
        batch.append((name, image))
        pixels += image.shape[0] * image.shape[1]
        if pixels >= BATCH_PIXELS:
            yield batch
            batch, pixels = [], 0
    if batch:
        yield batch
