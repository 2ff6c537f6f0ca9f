"""What stands behind loose parts: the colour that each place shows most of the time.

Parts that lie elsewhere in every image leave the median of all images empty; what differs from it is a part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from skimage.color import rgb2lab

SIDE = 320
"""Longest side at which parts are sought."""

REACH = 0.02
"""Fraction of the side: colours of the background this near are no part; a tray and its edges shift a little."""

SHADOW_WEIGHT = 0.12
"""Weight of a place that only became darker: parts cast shadows."""


@dataclass(frozen=True)
class MedianBackground:
    """The colours that usually show at and around each place.

    Attributes:
        lowest: Smallest median LAB near each place, float32 (h, w, 3).
        highest: Largest, float32 (h, w, 3).
    """

    lowest: NDArray[np.float32]
    highest: NDArray[np.float32]

    def distance(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """LAB distance from the nearest usual colour; a shift of the whole image (exposure) is taken out.

        Args:
            image: RGB of any size, uint8 (H, W, 3).

        Returns:
            float32 (h, w), of the background's size.
        """
        lab = _small(image, self.lowest.shape)
        middle = (self.lowest + self.highest) / 2
        steady = lab - np.median((lab - middle).reshape(-1, 3), axis=0)
        difference = np.maximum(steady - self.highest, 0) - np.maximum(self.lowest - steady, 0)
        difference[..., 0] = np.where(difference[..., 0] < 0, SHADOW_WEIGHT * difference[..., 0], difference[..., 0])
        return np.asarray(np.linalg.norm(difference, axis=-1))


def fit_median_background(images: Sequence[NDArray[np.uint8]]) -> MedianBackground:
    """Take the median of a sample of normal images, uint8 (H, W, 3); sizes may differ."""
    height, width = np.median([image.shape[:2] for image in images], axis=0)
    scale = min(1.0, SIDE / max(height, width))
    shape = (max(12, round(height * scale)), max(12, round(width * scale)))
    stack = np.stack([_small(image, shape) for image in images])
    colour = np.median(stack, axis=0).astype(np.float32)
    reach = 2 * round(REACH * max(shape)) + 1
    window = (reach, reach, 1)
    return MedianBackground(ndimage.minimum_filter(colour, window), ndimage.maximum_filter(colour, window))


def _small(image: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.float32]:
    resized = Image.fromarray(image).resize((shape[1], shape[0]), Image.Resampling.BOX)
    return np.asarray(rgb2lab(np.asarray(resized)), dtype=np.float32)
