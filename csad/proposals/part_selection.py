"""Which object proposals can be a component: connected, no frame, no background, no speck (the paper's program).

It prepares X_seg for the filters of paper 3.1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from csad.foundation.sam import EncodedImage, SamHq
from csad.proposals.regions import Region

FULL_BOX = 0.95
"""Fraction of the image's area from which a bounding box is the image's."""

ON_BACKGROUND = 0.95
"""Fraction of a mask on the background from which it is background."""

MINIMUM_AREA = 0.001
"""Fraction of the image; smaller masks are dropped."""

CORNER_INSET = 10
"""Pixels between the image's corners and the prompts for the background."""


def background_of(sam: SamHq, encoded: EncodedImage) -> NDArray[np.bool_]:
    """Find what the four corners show, bool (H, W), without another encoding."""
    height, width = encoded.size
    inset = min(CORNER_INSET, (min(height, width) - 1) // 2)
    x, y = (inset, width - 1 - inset), (inset, height - 1 - inset)
    corners = np.array([[[x[0], y[0]], [x[1], y[0]], [x[0], y[1]], [x[1], y[1]]]], dtype=np.float64)
    predictions = next(sam.prompt_points(encoded, corners, ambiguous=False))
    logits = next(sam.draw(encoded, predictions.logits))
    background: NDArray[np.bool_] = (logits[0] > sam.threshold).cpu().numpy()
    return background


def split_parts(proposals: Sequence[Region]) -> list[Region]:
    """Split proposals into their connected parts."""
    return [part for proposal in proposals for part in proposal.parts()]


def select_parts(parts: Sequence[Region], background: NDArray[np.bool_]) -> list[Region]:
    """Leave out what is no part of a product.

    Args:
        parts: Connected masks of one image.
        background: bool (H, W).

    Returns:
        Those that cover at least 0.1 % of the image, whose bounding box covers at most 95 % of it, and of which less
        than 95 % lies on the background.
    """
    return [
        part
        for part in parts
        if part.area >= MINIMUM_AREA * background.size
        and part.width * part.height <= FULL_BOX * background.size
        and np.count_nonzero(part.crop() & background[part.window]) < ON_BACKGROUND * part.area
    ]
