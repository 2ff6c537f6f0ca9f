"""Whether the prompts of a line name its parts or the whole product: which decides the mode where a line leaves it.

The paper chooses by hand (3.1): fine for a bottle of juice and a bag of screws, coarse for parts that lie apart. Words
such as "bottle" or "bag" find one mask that holds all others; as a component of its own it would hide them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from csad.proposals.proposal_result import ComponentFinder

SAMPLE = 5
"""Training images that are looked at, evenly spaced."""

WHOLE = 0.9
"""Fraction of all that the prompts find from which one mask is the whole product."""

logger = logging.getLogger(__name__)


def choose_mode(coarse: ComponentFinder, sample: Sequence[NDArray[np.uint8]]) -> Literal["fine", "coarse"]:
    """Choose "fine" where in most images one mask of the prompts is nearly all that they find, else "coarse".

    Args:
        coarse: Finds what the prompts name.
        sample: Normal training images, uint8 (H, W, 3).

    Returns:
        The mode. Images in which nothing is found do not count; where there are no others, "fine": without masks of
        the prompts only the proposals are left.
    """
    found = [coarse.find(image).masks for image in sample]
    answers = [names_the_whole([component.mask for component in masks]) for masks in found if masks]
    whole = sum(answers)
    mode: Literal["fine", "coarse"] = "fine" if 2 * whole >= len(answers) else "coarse"
    logger.info(
        "mode auto: %s, for in %d of %d images one mask holds nearly all that the prompts find (%d without any); "
        "pseudo_labels.mode fixes it",
        mode, whole, len(answers), len(sample) - len(answers),
    )  # fmt: skip
    return mode


def names_the_whole(masks: Sequence[NDArray[np.bool_]]) -> bool:
    """Whether the largest of some masks, bool (H, W) each, covers nearly all that they cover together."""
    union = np.logical_or.reduce(masks)
    largest = max(np.count_nonzero(mask) for mask in masks)
    return bool(largest >= WHOLE * np.count_nonzero(union))
