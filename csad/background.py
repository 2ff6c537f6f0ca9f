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
from skimage.filters import apply_hysteresis_threshold, threshold_otsu
from skimage.morphology import remove_small_holes

SIDE = 320
"""Longest side at which parts are sought."""

MINIMUM_DISTANCE = 6.0
"""LAB distance below which a pixel never counts as a part."""

REACH = 0.02
"""Of the side: colours that the background shows this near are no part; a tray and its edges shift a little."""

LOW_SHARE = 0.6
"""Of the sure distance: what touches a sure part counts from here on."""

SMALL_HOLE = 0.0002
"""Of the image: smaller holes are filled, larger ones belong to the part's shape (a washer)."""

SHADOW_WEIGHT = 0.12
"""Weight of a place that only became darker: parts cast shadows."""

BLUR = 0.8

HALF_HEIGHT = 0.5
"""Of a part's median distance: where the distance falls below, blur and shadow begin."""


@dataclass(frozen=True)
class MedianBackground:
    """The colours that usually show at and around each place.

    Attributes:
        lowest: Smallest median LAB near each place, float32 (h, w, 3).
        highest: Largest, float32 (h, w, 3).
    """

    lowest: NDArray[np.float32]
    highest: NDArray[np.float32]

    def mask(self, image: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Find the parts in an image of any size, uint8 (H, W, 3): mask (h, w) at the background's size."""
        excess = ndimage.gaussian_filter(self._distance(_small(image, self.lowest.shape)), BLUR)
        if excess.max() <= MINIMUM_DISTANCE:
            return np.zeros(excess.shape, dtype=bool)
        sure = max(MINIMUM_DISTANCE, 0.5 * float(threshold_otsu(excess)))
        found = apply_hysteresis_threshold(excess, max(MINIMUM_DISTANCE, LOW_SHARE * sure), sure)
        found = ndimage.binary_opening(found, iterations=1)
        found = ndimage.binary_closing(np.pad(found, 4), iterations=2)[4:-4, 4:-4]
        return np.asarray(remove_small_holes(_tighten(found, excess), max_size=round(SMALL_HOLE * found.size)))

    def _distance(self, lab: NDArray[np.float32]) -> NDArray[np.float32]:
        """LAB distance (h, w) from the nearest usual colour; a shift of the whole image (exposure) is taken out."""
        middle = (self.lowest + self.highest) / 2
        steady = lab - np.median((lab - middle).reshape(-1, 3), axis=0)
        difference = np.maximum(steady - self.highest, 0) - np.maximum(self.lowest - steady, 0)
        difference[..., 0] = np.where(difference[..., 0] < 0, SHADOW_WEIGHT * difference[..., 0], difference[..., 0])
        return np.asarray(np.linalg.norm(difference, axis=-1))


def _tighten(parts: NDArray[np.bool_], distance: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Cut each connected part back to half its own height: one threshold for all is too wide for those that stand out.

    Args:
        parts: bool (h, w).
        distance: From the background, float32 (h, w).
    """
    labels, count = ndimage.label(parts)
    if count == 0:
        return parts
    heights = np.concatenate([[np.inf], ndimage.median(distance, labels, np.arange(1, count + 1))])
    cores = parts & (distance > np.maximum(HALF_HEIGHT * heights, MINIMUM_DISTANCE)[labels])
    closed = ndimage.binary_closing(np.pad(cores, 4), iterations=1)[4:-4, 4:-4]
    return np.asarray(closed & parts)


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
