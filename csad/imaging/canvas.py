"""Where the networks look: the product's box, resized to one canvas per line, and the way back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CANVAS_MULTIPLE = 32
"""Canvas sides are multiples of the backbone's largest stride."""

BOX_MARGIN = 0.03
"""Kept free around the product, as a fraction of the image's side: parts move a little."""

FULL_BOX_FRACTION = 0.85
"""A box larger than this saves too little to be worth hiding anything."""


@dataclass(frozen=True)
class Canvas:
    """A fixed crop and size that every image of a line is brought to.

    Attributes:
        box: Left, top, right, bottom of the crop as fractions of the image's width and height.
        height: Canvas height in pixels, a multiple of 32.
        width: Canvas width in pixels, a multiple of 32.
    """

    box: tuple[float, float, float, float]
    height: int
    width: int

    def to_input(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Crop and resize (antialiased) an image (H, W, 3) to the canvas (height, width, 3)."""
        left, top, right, bottom = self.pixel_box(image.shape[0], image.shape[1])
        resized = Image.fromarray(image).resize(
            (self.width, self.height), Image.Resampling.BICUBIC, box=(left, top, right, bottom), reducing_gap=3.0
        )
        return np.asarray(resized)

    def labels_to_input(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Bring a label map (H, W) to the canvas (height, width), each pixel taking the nearest label."""
        box = self.pixel_box(labels.shape[0], labels.shape[1])
        return np.asarray(Image.fromarray(labels).resize((self.width, self.height), Image.Resampling.NEAREST, box=box))

    def pixel_box(self, height: int, width: int) -> tuple[int, int, int, int]:
        """The crop in pixels of an image of this size."""
        left, top, right, bottom = self.box
        x0, y0 = min(round(left * width), width - 1), min(round(top * height), height - 1)
        return x0, y0, max(x0 + 1, round(right * width)), max(y0 + 1, round(bottom * height))

    def to_image(self, values: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
        """Bring a map over the canvas (h, w) back to the original image (height, width); outside the box it is 0."""
        left, top, right, bottom = self.pixel_box(height, width)
        resized = Image.fromarray(values.astype(np.float32)).resize(
            (right - left, bottom - top), Image.Resampling.BILINEAR
        )
        result = np.zeros((height, width), dtype=np.float32)
        result[top:bottom, left:right] = np.asarray(resized)
        return result


def fit_canvas(
    images: Sequence[NDArray[np.uint8]],
    area: float,
    product_box: str | Sequence[float],
    sizes: Sequence[tuple[int, int]] | None = None,
) -> Canvas:
    """Choose the canvas of a line from a sample of its normal images.

    Args:
        images: Normal images, uint8 (H, W, 3); sizes may differ.
        area: Wanted number of canvas pixels, fewer where the images have fewer; the box's aspect ratio is kept.
        product_box: "auto" finds the product on an even background, "full" keeps the whole image, four
            fractions fix it.
        sizes: True (H, W) of images that were reduced; theirs where None.
    """
    box = (0.0, 0.0, 1.0, 1.0)
    if product_box == "auto":
        box = find_product_box(images)
    elif not isinstance(product_box, str):
        left, top, right, bottom = product_box
        box = (left, top, right, bottom)
    height, width = np.median(sizes or [image.shape[:2] for image in images], axis=0)
    aspect = (box[2] - box[0]) * width / ((box[3] - box[1]) * height)
    # Enlarging an image adds work, not detail.
    area = min(area, (box[2] - box[0]) * width * (box[3] - box[1]) * height)
    canvas_width = _multiple((area * aspect) ** 0.5)
    return Canvas(box, _multiple(canvas_width / aspect), canvas_width)


def find_product_box(images: Iterable[NDArray[np.uint8]]) -> tuple[float, float, float, float]:
    """Find the box that holds the product in every image, as fractions; the whole image where nothing stands out."""
    from csad.imaging.foreground import foreground_mask  # scipy and scikit-image: scoring needs neither

    left, top, right, bottom = 1.0, 1.0, 0.0, 0.0
    for image in images:
        mask = foreground_mask(image)
        if mask is None or not mask.any():
            return (0.0, 0.0, 1.0, 1.0)
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        height, width = mask.shape
        left, right = min(left, columns[0] / width), max(right, (columns[-1] + 1) / width)
        top, bottom = min(top, rows[0] / height), max(bottom, (rows[-1] + 1) / height)
    if left >= right or top >= bottom:
        return (0.0, 0.0, 1.0, 1.0)
    box = (
        max(0.0, left - BOX_MARGIN),
        max(0.0, top - BOX_MARGIN),
        min(1.0, right + BOX_MARGIN),
        min(1.0, bottom + BOX_MARGIN),
    )
    if (box[2] - box[0]) * (box[3] - box[1]) > FULL_BOX_FRACTION:
        return (0.0, 0.0, 1.0, 1.0)
    return (float(box[0]), float(box[1]), float(box[2]), float(box[3]))


def _multiple(side: float) -> int:
    return max(2 * CANVAS_MULTIPLE, round(side / CANVAS_MULTIPLE) * CANVAS_MULTIPLE)
