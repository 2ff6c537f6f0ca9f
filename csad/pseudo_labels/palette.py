"""One colour per class (paper 3.1), the same everywhere and told apart easily."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2lab

LEVELS = 10
MINIMUM_CHROMA = 35.0
"""LAB chroma below which a colour could be the product's own grey."""


@lru_cache(maxsize=8)
def class_colours(count: int) -> NDArray[np.uint8]:
    """Choose colours, each as far as possible from those before it: class k looks the same whatever the count.

    Args:
        count: Colours, the background's black included, at least 1.

    Returns:
        RGB, uint8 (count, 3), read-only; row 0 is black.
    """
    levels = np.linspace(20, 255, LEVELS).round().astype(np.uint8)
    candidates = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    lab = rgb2lab(candidates[None])[0]
    vivid = (np.hypot(lab[:, 1], lab[:, 2]) > MINIMUM_CHROMA) & (lab[:, 0] > 35) & (lab[:, 0] < 92)
    candidates, lab = candidates[vivid], lab[vivid]
    colours = np.zeros((count, 3), dtype=np.uint8)
    distance = np.linalg.norm(lab - rgb2lab(np.array([[[255, 0, 0]]], dtype=np.uint8))[0, 0], axis=1)
    chosen = int(distance.argmin())
    distance[:] = np.inf
    for row in colours[1:]:
        row[:] = candidates[chosen]
        distance = np.minimum(distance, np.linalg.norm(lab - lab[chosen], axis=1))
        chosen = int(distance.argmax())
    colours.setflags(write=False)
    return colours
