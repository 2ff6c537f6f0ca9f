"""How much two models differ on the same images, with an interval: a paired, seeded bootstrap.

Images are drawn again with replacement, good and anomalous ones each among their own, and both models are measured on
the same draw: what an image does to both cancels out, so identical models differ by exactly 0 (Efron and Tibshirani,
An Introduction to the Bootstrap, 1993, chapter 13: percentile interval).

Drawing again from n images shows a spread that is too small by sqrt((n - 1) / n) on average, and itself uncertain.
Student's t accounts for both, so the interval is widened about the estimate as a t interval is wider than a normal one
(Hesterberg, What Teachers Should Know About the Bootstrap, The American Statistician 69, 2015).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

DRAWS = 2000
BLOCK = 250
"""Draws that are held in memory at a time."""

CONFIDENCE = 0.9
"""Two-sided: the whole interval on one side of a limit means 95 % sure of it."""

FEW_IMAGES = 20
"""From here on the interval is widened by less than 8 %."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """What two models gave the same images, float (N,) each."""

    challenger: Floats
    champion: Floats

    def __post_init__(self) -> None:
        if self.challenger.shape != self.champion.shape or not self.challenger.size:
            raise ValueError(
                f"{self.challenger.size} values of the challenger and {self.champion.size} of the champion; "
                "expected one of each for every image, and at least one image"
            )


@dataclass(frozen=True)
class Difference:
    """Challenger minus champion.

    Attributes:
        estimate: On the images as they are.
        low: Lower end of the interval.
        high: Upper end of the interval.
        images: Behind it; where two groups are compared, in the smaller one.
    """

    estimate: float
    low: float
    high: float
    images: int


def widening(images: int) -> float:
    """How many times as wide as the bootstrap's an interval must be: 1.34 for 6 images, 1.08 for 20.

    Args:
        images: At least 2: a single one shows no spread.
    """
    sure = (1 + CONFIDENCE) / 2
    return math.sqrt(images / (images - 1)) * float(stdtrit(images - 1, sure) / ndtri(sure))


def auroc_difference(good: Pair, anomalous: Pair, seed: int) -> Difference:
    """Difference in AUROC (0..1).

    An AUROC is the mean of a table (M, N) of who scores higher, an anomalous or a good image, ties counting half; a
    draw weighs its rows and columns, so all draws are a few products of matrices.

    Args:
        good: Scores of good images, (N,).
        anomalous: Scores of anomalous images, (M,).
        seed: Random seed for sampling.
    """
    table = _wins(good.challenger, anomalous.challenger) - _wins(good.champion, anomalous.champion)
    generator = np.random.default_rng(seed)
    parts = []
    for draws in _blocks():
        rows, columns = _weights(table.shape[0], draws, generator), _weights(table.shape[1], draws, generator)
        parts.append(((rows @ table) * columns).sum(axis=1, dtype=np.float64))
    return _difference(float(table.mean(dtype=np.float64)), np.concatenate(parts), min(table.shape), 1.0)


def rate_difference(rejected: Pair, seed: int) -> Difference:
    """Difference in the fraction of rejected images.

    Args:
        rejected: 1 where the image is rejected, else 0, (N,).
        seed: Random seed for sampling.
    """
    difference = rejected.challenger - rejected.champion
    generator = np.random.default_rng(seed)
    return _difference(float(difference.mean()), _means(difference, generator), len(difference), 1.0)


def decision_difference(good: Pair, anomalous: Pair, seed: int) -> Difference:
    """Difference in found anomalies less rejected good images (Youden's J), both as fractions.

    Args:
        good: 1 where a good image is rejected, else 0, (N,).
        anomalous: The same of anomalous images, (M,).
        seed: Random seed for sampling.
    """
    found, rejected = (pair.challenger - pair.champion for pair in (anomalous, good))
    generator = np.random.default_rng(seed)
    drawn = _means(found, generator) - _means(rejected, generator)
    return _difference(float(found.mean() - rejected.mean()), drawn, min(len(found), len(rejected)), 2.0)


def _difference(estimate: float, drawn: Floats, images: int, largest: float) -> Difference:
    """The interval of an estimate from its draws.

    Args:
        estimate: On the images as they are.
        drawn: On the draws, (DRAWS,).
        images: In the smaller group.
        largest: The largest difference that there can be, either way.
    """
    if images < 2:
        return Difference(estimate, -largest, largest, images)
    tail = (1 - CONFIDENCE) / 2
    ends = estimate + widening(images) * (np.quantile(drawn, (tail, 1 - tail)) - estimate)
    low, high = np.clip(ends, -largest, largest)
    return Difference(estimate, float(low), float(high), images)


def _wins(good: Floats, anomalous: Floats) -> NDArray[np.float32]:
    """1 where an anomalous image (row) scores higher than a good one (column), 0.5 where equal, (M, N)."""
    rows, columns = anomalous[:, None], good[None, :]
    wins: NDArray[np.float32] = ((rows > columns) + np.float32(0.5) * (rows == columns)).astype(np.float32)
    return wins


def _means(values: Floats, generator: np.random.Generator) -> Floats:
    drawn = [_weights(len(values), draws, generator).astype(np.float64) @ values for draws in _blocks()]
    return np.concatenate(drawn)


def _weights(images: int, draws: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """How much each image counts in each draw, (draws, images); rows add up to 1."""
    counts = generator.multinomial(images, np.full(images, 1 / images), size=draws)
    return (counts / np.float32(images)).astype(np.float32)


def _blocks() -> list[int]:
    return [BLOCK] * (DRAWS // BLOCK)
