"""From the distance to a background to the outlines of the parts that lie on it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import apply_hysteresis_threshold, threshold_otsu
from skimage.morphology import remove_small_holes

MINIMUM_DISTANCE = 6.0
"""LAB distance below which a pixel never counts as a part."""

LOW_FRACTION = 0.6
"""Fraction of the sure distance: what touches a sure part counts from here on."""

SMALL_HOLE = 0.0002
"""Fraction of the image: smaller holes are filled, larger ones belong to the part's shape (a washer)."""

BLUR = 0.8

HALF_HEIGHT = 0.5
"""Fraction of a part's median distance: where the distance falls below, blur and shadow begin."""

SURROUNDINGS = 0.04
"""Fraction of the side: a part's shadow and its edges, where no faint part is sought."""


def mask_parts(distance: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Outline the parts of an image.

    Args:
        distance: LAB distance of each pixel from the background, (h, w), a few hundred pixels a side.

    Returns:
        Pixels of parts, bool (h, w).
    """
    excess = ndimage.gaussian_filter(distance, BLUR)
    if excess.max() <= MINIMUM_DISTANCE:
        return np.zeros(excess.shape, dtype=bool)
    sure = max(MINIMUM_DISTANCE, 0.5 * float(threshold_otsu(excess)))
    found = apply_hysteresis_threshold(excess, max(MINIMUM_DISTANCE, LOW_FRACTION * sure), sure)
    found = ndimage.binary_opening(found, iterations=1)
    found = ndimage.binary_closing(np.pad(found, 4), iterations=2)[4:-4, 4:-4]
    return np.asarray(remove_small_holes(_tighten(found, excess), max_size=round(SMALL_HOLE * found.size)))


def mask_faint_parts(distance: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Outline faint parts as well, which one threshold for all loses beside parts that stand out.

    Args:
        distance: Same as for `mask_parts`.

    Returns:
        What `mask_parts` finds and, apart from it, what stands out of the rest, bool (h, w).
    """
    strong = mask_parts(distance)
    around = ndimage.binary_dilation(strong, iterations=max(1, round(SURROUNDINGS * max(distance.shape))))
    return np.asarray(strong | mask_parts(np.where(around, 0, distance)))


def _tighten(parts: NDArray[np.bool_], distance: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Cut each connected part back to half its own height: one threshold for all is too wide for those that stand out.

    Args:
        parts: bool (h, w).
        distance: From the background, (h, w).
    """
    labels, count = ndimage.label(parts)
    if count == 0:
        return parts
    heights = np.concatenate([[np.inf], ndimage.median(distance, labels, np.arange(1, count + 1))])
    cores = parts & (distance > np.maximum(HALF_HEIGHT * heights, MINIMUM_DISTANCE)[labels])
    closed = ndimage.binary_closing(np.pad(cores, 4), iterations=1)[4:-4, 4:-4]
    return np.asarray(closed & parts)
