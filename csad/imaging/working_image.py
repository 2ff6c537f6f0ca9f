"""The size at which components and the product's box are sought: memory stays small, however large the images are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

WORKING_PIXELS = 1024 * 1024
"""Larger images are reduced: neither the features of a component nor the canvas shows more detail."""


def working_size(height: int, width: int) -> tuple[int, int]:
    """The size (h, w) at which an image of this size is worked on: its own up to `WORKING_PIXELS`."""
    scale = (WORKING_PIXELS / (height * width)) ** 0.5
    if scale >= 1:
        return height, width
    # An image of a few rows keeps one, and then its length is what bounds it.
    rows = max(1, int(height * scale))
    return rows, max(1, min(int(width * scale), WORKING_PIXELS // rows))


def working_image(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Reduce an image (H, W, 3) to its working size (h, w, 3); one that is small enough comes back as it is."""
    height, width = working_size(image.shape[0], image.shape[1])
    if (height, width) == image.shape[:2]:
        return image
    reduced = Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(reduced)
