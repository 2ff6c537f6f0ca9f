"""The normal images of a line on its canvas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from csad.canvas import Canvas, CanvasStore, fit_canvas
from csad.images import ImageFile, read_rgb
from csad.line import ProductLine

SAMPLE = 48
"""Images from which the canvas and the way of finding components are chosen."""


def sample_images(line: ProductLine, files: Sequence[ImageFile]) -> list[NDArray[np.uint8]]:
    """Read up to `SAMPLE` images, evenly spaced over the sorted files."""
    return [read_rgb(files[index].path, line.images.max_pixels) for index in evenly_spaced(len(files), SAMPLE)]


def evenly_spaced(count: int, most: int) -> list[int]:
    """Up to `most` of the indices 0..count - 1, from the first to the last: names often follow days or types."""
    chosen: list[int] = np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int)).tolist()
    return chosen


def canvas_of(line: ProductLine, files: Sequence[ImageFile]) -> Canvas:
    """Choose the canvas from the training images; the same files give the same canvas in every stage."""
    return fit_canvas(sample_images(line, files), line.images.area, line.images.product_box)


def open_canvases(line: ProductLine, canvas: Canvas, files: Sequence[ImageFile]) -> CanvasStore:
    """Decode images once onto the canvas; use as a context manager."""
    return CanvasStore(canvas, _read(line, files), len(files))


def _read(line: ProductLine, files: Sequence[ImageFile]) -> Iterator[NDArray[np.uint8]]:
    for file in files:
        yield read_rgb(file.path, line.images.max_pixels)
