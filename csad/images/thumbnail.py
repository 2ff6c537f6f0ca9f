"""What is kept of an image when it is checked: enough to see near-equal and unusual ones."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 32
ROW_STEP = 4
"""Sharpness is measured on every fourth row."""


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """A small picture of an image, 3 KB.

    Attributes:
        pixels: RGB means of equal tiles, uint8 (SIDE, SIDE, 3).
        sharpness: Mean absolute difference of neighbouring green values, 0..255.
    """

    pixels: NDArray[np.uint8]
    sharpness: float

    @classmethod
    def of(cls, image: NDArray[np.uint8]) -> "Thumbnail":
        """Reduce an RGB image, uint8 (H, W, 3)."""
        small = Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BOX)
        steps = np.abs(np.diff(image[::ROW_STEP, :, 1].astype(np.int16), axis=1))
        return cls(np.asarray(small), float(steps.mean()) if steps.size else 0.0)
