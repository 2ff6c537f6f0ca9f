"""Ways of telling separate parts from what they lie on, and which of them suits a line.

Ours, in place of the foundation models of paper 3.1.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from csad.imaging.background import fit_median_background
from csad.imaging.foreground import border_distance
from csad.imaging.part_mask import mask_faint_parts, mask_parts
from csad.proposals.parts import measure_parts

MAXIMUM_OVERLAP = 0.5
"""What differs from the median at the same places in two images (intersection over union) is the other look of a fixed
part, such as the label of another product type, and no loose part."""

CLEARLY_BETTER = 0.8
"""Fraction of the variation of an earlier way."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PartFinder:
    """One way; calling it makes it a `Segmenter`.

    Attributes:
        name: For people.
        distance: Image uint8 (H, W, 3) -> LAB distance from what the parts lie on, float (h, w), or None where it
            cannot tell.
        faint: Look for faint parts beside those that stand out.
        loose: Only for parts that lie elsewhere in every image.
    """

    name: str
    distance: Callable[[NDArray[np.uint8]], NDArray[np.floating] | None]
    faint: bool
    loose: bool

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
        """Find the parts of an image, uint8 (H, W, 3)."""
        distance = self.distance(image)
        if distance is None:
            return None
        return mask_faint_parts(distance) if self.faint else mask_parts(distance)


def ways_to_tell_parts(sample: Sequence[NDArray[np.uint8]], border: bool) -> list[PartFinder]:
    """All ways, the most trusted first.

    Args:
        sample: Normal images, uint8 (H, W, 3).
        border: Whether parts stand out against the border as they are; a body would only break into pieces.
    """
    # A tray, or a body, may hold parts that lie elsewhere in each image.
    median = fit_median_background(sample)
    ways = []
    if border:
        ways += [
            PartFinder("against the border, outlined", border_distance, faint=False, loose=False),
            PartFinder("against the border, faint ones too", border_distance, faint=True, loose=False),
        ]
    return [
        *ways,
        PartFinder("against the median", median.distance, faint=False, loose=True),
        PartFinder("against the median, faint ones too", median.distance, faint=True, loose=True),
    ]


def most_constant(ways: Sequence[PartFinder], sample: Sequence[NDArray[np.uint8]]) -> PartFinder | None:
    """The reliable way by which normal images hold the most constant number of parts, as normal products do.

    Args:
        ways: An earlier one is preferred unless a later one is clearly better.
        sample: Normal images, uint8 (H, W, 3).

    Returns:
        None where no way is reliable.
    """
    chosen, limit = None, np.inf
    for way in ways:
        found = measure_parts(way, sample)
        logger.info("classical proposals, %s: %s", way.name, found.describe())
        if way.loose and found.overlap > MAXIMUM_OVERLAP:
            continue
        if found.reliable() and found.variation < limit:
            chosen, limit = way, CLEARLY_BETTER * found.variation
        if limit == 0:
            break  # nothing is more constant
    return chosen
