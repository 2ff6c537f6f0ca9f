"""The upper tail of normal scores: an exponential law that a few odd images do not move.

Ours: peaks over a threshold (Pickands 1975, doi:10.1214/aos/1176343003) with a shape of 0, which is the exponential
law.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

QUANTILE = 0.8
"""The tail starts here: a fifth of the scores shape it."""

TAIL_MINIMUM = 5
"""Scores that shape the tail at least, where there are few."""

ODD_FRACTION = 0.05
"""At most this fraction of the scores is taken for odd; one where there are few."""

SIGNIFICANCE = 0.01
"""A score counts as odd when so few sets of exponential excesses would hold one as large."""


@dataclass(frozen=True)
class Tail:
    """P(score > s) = fraction exp(-(s - start) / mean_excess) for s above start.

    Attributes:
        start: Where the tail starts.
        fraction: Fraction of the scores above it, 0..1.
        mean_excess: Mean distance above the start, without the odd scores; at least 0.
        mean_of_all: The same with them.
        count: Scores that the mean is taken from, without the odd ones.
        odd: Scores that were left out: too large for the tail of the others.
    """

    start: float
    fraction: float
    mean_excess: float
    mean_of_all: float
    count: int
    odd: int


def fit_tail(scores: NDArray[np.float64]) -> Tail:
    """Fit the tail of normal scores.

    Odd scores are left out of its mean: those too large for an exponential law, by Cochran's statistic, the largest
    excess over the sum of all, tested from the inside outwards so that several odd ones do not hide each other.

    Args:
        scores: float64 (N,), N at least 2.
    """
    ascending = np.sort(np.asarray(scores, dtype=np.float64))
    images = len(ascending)
    count = min(max(math.ceil((1 - QUANTILE) * images), TAIL_MINIMUM), images - 1)
    start = float(ascending[images - count - 1])
    excesses = ascending[images - count :] - start
    odd = _count_odd(excesses, min(max(1, int(ODD_FRACTION * images)), count - 1))
    kept = excesses[: count - odd]
    return Tail(
        start=start,
        fraction=count / (images + 1),
        mean_excess=float(kept.mean()),
        mean_of_all=float(excesses.mean()),
        count=len(kept),
        odd=odd,
    )


def _count_odd(excesses: NDArray[np.float64], most: int) -> int:
    """How many of the largest excesses, ascending (k,), are odd; at most `most`."""
    for odd in range(most, 0, -1):
        sample = excesses[: len(excesses) - odd + 1]
        # Where all smaller ones are alike, nothing but the odd ones shows how far scores reach.
        if sample[-2] > 0 and len(sample) * (1 - sample[-1] / sample.sum()) ** (len(sample) - 1) < SIGNIFICANCE:
            return odd
    return 0
