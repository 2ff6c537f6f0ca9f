"""Tell the product from an even background by its colour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from skimage.color import rgb2lab
from skimage.filters import threshold_otsu

from csad.imaging.lighting import fit_light
from csad.imaging.part_mask import MINIMUM_DISTANCE

SIDE = 256
"""Longest side at which the foreground is sought."""

MAXIMUM_BORDER_SPREAD = 8.0
"""Mean LAB distance along the border from an evenly coloured, unevenly lit surface above which there is none."""


def foreground_mask(image: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    """Find the product as a whole.

    Args:
        image: RGB, uint8 (H, W, 3).

    Returns:
        Mask (h, w) at most 256 px on its longer side, closed and with holes filled; None where the border is not even,
        so that nothing can be told from it.
    """
    distance = border_distance(image)
    return None if distance is None else foreground_of(distance)


def foreground_of(distance: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where the distance from the background, float64 (h, w), shows a product; closed and with holes filled."""
    threshold = max(MINIMUM_DISTANCE, 0.5 * float(threshold_otsu(distance))) if np.ptp(distance) > 0 else np.inf
    mask = ndimage.binary_opening(distance > threshold, iterations=1)
    mask = ndimage.binary_closing(np.pad(mask, 5), iterations=4)[5:-5, 5:-5]
    return np.asarray(ndimage.binary_fill_holes(mask))


def border_distance(image: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    """LAB distance from what the border shows, continued over the image as the light falls.

    Args:
        image: RGB, uint8 (H, W, 3).

    Returns:
        float64 (h, w), at most 256 px on its longer side; None where the border is not even.
    """
    height, width = image.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    lab = rgb2lab(np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX)))
    edge = max(1, round(0.02 * max(size)))
    border = np.ones(lab.shape[:2], dtype=bool)
    border[edge:-edge, edge:-edge] = False
    distance = np.linalg.norm(lab - fit_light(lab, border), axis=2)
    return None if distance[border].mean() > MAXIMUM_BORDER_SPREAD else distance
