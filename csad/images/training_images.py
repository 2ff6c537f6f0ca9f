"""The normal images of a line on its canvas."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from csad.config.line import ProductLine
from csad.images import ImageFile, ImageSet, read_rgb
from csad.images.records import FittedCanvas
from csad.imaging.canvas import Canvas, fit_canvas
from csad.imaging.registration import Registration
from csad.imaging.working_image import working_image

SECTION = "images"
"""Section of a product line that the canvas depends on."""

SAMPLE = 48
"""Images from which the canvas and the way of finding components are chosen."""


logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class SampleImages:
    """Some training images, small enough to be held together.

    Attributes:
        images: At their working size, uint8 (h, w, 3) each.
        sizes: (H, W) of the files: a canvas may show more detail than the working size.
    """

    images: tuple[NDArray[np.uint8], ...]
    sizes: tuple[tuple[int, int], ...]

    def registered(self, registration: Registration) -> SampleImages:
        """The same products in one pose."""
        images = tuple(registration.register(image, registration.place(image)) for image in self.images)
        return SampleImages(images, tuple((image.shape[0], image.shape[1]) for image in images))

    def canvas(self, line: ProductLine) -> Canvas:
        """Choose the canvas of the line from these images."""
        canvas = fit_canvas(self.images, line.images.area, line.images.product_box, self.sizes)
        if line.images.size is None:
            return canvas
        return replace(canvas, height=line.images.size[0], width=line.images.size[1])


def sample_images(line: ProductLine, files: Sequence[ImageFile]) -> SampleImages:
    """Read up to `SAMPLE` images, evenly spaced over the sorted files, each reduced before the next one is read."""
    images, sizes = [], []
    for image in read_images(line, [files[index] for index in evenly_spaced(len(files), SAMPLE)]):
        images.append(working_image(image))
        sizes.append((image.shape[0], image.shape[1]))
    return SampleImages(tuple(images), tuple(sizes))


def evenly_spaced(count: int, most: int) -> list[int]:
    """Up to `most` of the indices 0..count - 1, from the first to the last: names often follow days or types."""
    chosen: list[int] = np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int)).tolist()
    return chosen


def fit_line_canvas(line: ProductLine, sample: SampleImages) -> FittedCanvas:
    """Choose the canvas of a line from its training images, for the record; the same files give the same canvas."""
    canvas = sample.canvas(line)
    return FittedCanvas(canvas.box, canvas.height, canvas.width, line.section_digest(SECTION))


def canvas_of(line: ProductLine, images: ImageSet) -> Canvas:
    """The canvas that `ingest` fitted; where it fitted none, or one for other settings, it is fitted now."""
    fitted = images.canvas
    if fitted is None or fitted.settings != line.section_digest(SECTION):
        logger.info("the canvas is fitted here, for the data set has none for the line's section %s", SECTION)
        fitted = fit_line_canvas(line, sample_images(line, images.train))
    return Canvas(fitted.box, fitted.height, fitted.width)


def read_images(line: ProductLine, files: Sequence[ImageFile]) -> Iterator[NDArray[np.uint8]]:
    """Decode images one after the other, uint8 (H, W, 3) each."""
    for file in files:
        yield read_rgb(file.path, line.images.max_pixels)
