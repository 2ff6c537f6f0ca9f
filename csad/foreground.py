"""Tell the product from an even background by its colour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from skimage.color import rgb2lab
from skimage.filters import threshold_otsu

SIDE = 256
"""Longest side at which the foreground is sought."""

MAXIMUM_BORDER_SPREAD = 8.0
"""Mean LAB distance along the border from its median colour above which the background is not even."""

MINIMUM_DISTANCE = 6.0
"""LAB distance below which a pixel never counts as product."""


def foreground_mask(image: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    """Find the product by the LAB distance to the border's median colour.

    Args:
        image: RGB, uint8 (H, W, 3).

    Returns:
        Mask (h, w) at most 256 px on its longer side, closed and with holes filled; None where the border is not even,
        so that nothing can be told from it.
    """
    height, width = image.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    lab = rgb2lab(np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX)))
    edge = max(1, round(0.02 * max(size)))
    border = np.concatenate([part.reshape(-1, 3) for part in (lab[:edge], lab[-edge:], lab[:, :edge], lab[:, -edge:])])
    colour = np.median(border, axis=0)
    if np.linalg.norm(border - colour, axis=1).mean() > MAXIMUM_BORDER_SPREAD:
        return None
    distance = np.linalg.norm(lab - colour, axis=2)
    threshold = max(MINIMUM_DISTANCE, 0.5 * float(threshold_otsu(distance))) if np.ptp(distance) > 0 else np.inf
    mask = ndimage.binary_opening(distance > threshold, iterations=1)
    mask = ndimage.binary_closing(np.pad(mask, 5), iterations=4)[5:-5, 5:-5]
    return np.asarray(ndimage.binary_fill_holes(mask))
