"""Batches of images that are bounded by their pixels, too: eight images of a large camera would fill the memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

BATCH_PIXELS = 16_000_000
"""A batch is full from here on; with its maps an image takes about 15 bytes a pixel."""


def in_batches(images: Iterable[T], pixels: Callable[[T], int]) -> Iterator[list[T]]:
    """Group images as they are read, in their order; an image larger than a batch is one of its own.

    Args:
        images: The images.
        pixels: How many an image has.

    Yields:
        One or more of them.
    """
    batch: list[T] = []
    filled = 0
    for image in images:
        batch.append(image)
        filled += pixels(image)
        if filled >= BATCH_PIXELS:
            yield batch
            batch, filled = [], 0
    if batch:
        yield batch
