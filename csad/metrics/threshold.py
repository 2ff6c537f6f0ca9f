"""The decision threshold, from scores of good images alone, each by parts that had not seen it (ours).

The j-th largest of n good scores is exceeded by a further good image with probability j / (n + 1), whatever the
distribution. So the threshold for a false-reject rate r is the score of rank j = floor(r (n + 1)) from the top, where
that rank is at least 10. A smaller rank hangs on a few images; there the tail decides (`csad.metrics.tail`): the
excesses of the k largest scores over the next are taken as exponential, odd ones left out, and the unknown mean is
integrated out, which leaves a heavier tail,

    P(excess > y) = (1 + y / sum of the k excesses) ** -k.

From 20 to 1 / r good images cannot show the rate r: their threshold promises 1 / (n + 1), the smallest rate that they
can show, for one that is sure to reject nothing would find nothing, either. If the estimate rejects more of the images
themselves than that rate explains (more than the 95 % quantile of the binomial law), it is raised until it does not.

Scores that are bounded or normally distributed fall off faster than that, so the estimate errs towards fewer
false rejects. Odd images, too far out for the tail of the others, do not move the threshold; they are named to the
user. Fewer than 5 scores, or scores that are all alike, show no tail: there the mean excess is given a prior
(gamma, worth 4 scores that exceed by the spread which the caller knows), and

    P(excess > y) = (1 + y / (4 spread + sum of the k excesses)) ** -(4 + k).

All of it holds for good images like these; images of another day may differ.
"""

import logging
import math

import numpy as np
from pydantic import BaseModel, ConfigDict

from csad.common.errors import DatasetError
from csad.metrics.tail import fit_tail

CONFIDENCE = 0.95
"""Confidence of intervals, and of the largest number of rejected good images that a rate explains."""
FEW_IMAGES = 5
LEAST_PROMISING = 20
"""Good images from which on a rate is promised at all."""
RELIABLE_RANK = 10
"""A threshold of a smaller rank hangs on too few scores."""
ROUNDING = 1e-5
"""Relative distance above a score that keeps the same image, computed in another batch, below it."""
PRIOR_SCORES = 4
"""What the known spread is worth, in scores."""

_log = logging.getLogger(__name__)


class Threshold(BaseModel):
    """Where the decision is made: an image is rejected when its score is larger.

    Attributes:
        value: The threshold.
        false_reject_rate: The rate that was asked for, 0..1.
        promised_rate: The rate that the threshold is for: larger where so few images cannot show the one asked for.
        interval: 95 % confidence interval of the real rate, for good images like those.
        images: Good images that it comes from.
        note: How it was found, one sentence.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    value: float
    false_reject_rate: float
    promised_rate: float
    interval: tuple[float, float]
    images: int
    note: str


def choose_threshold(scores: np.ndarray, false_reject_rate: float, spread: float = 1.0) -> Threshold:
    """Choose the threshold for a false-reject rate.

    Args:
        scores: Scores of good images, float (N,), N >= 1.
        false_reject_rate: Good products that may be rejected, between 0 and 1, exclusive.
        spread: By how much good scores usually exceed each other, above 0; fused scores are in deviations, so 1. Read
            only where there are few scores, or all are alike.

    Raises:
        DatasetError: No scores, or one that is not a number.
        ValueError: A rate outside 0..1.
    """
    if not 0 < false_reject_rate < 1:
        raise ValueError(f"false_reject_rate is {false_reject_rate}; expected a fraction between 0 and 1")
    descending = np.sort(np.asarray(scores, dtype=np.float64).ravel())[::-1]
    _check(descending)
    images = len(descending)
    alike = descending[0] == descending[-1]
    promised = false_reject_rate if alike else promised_rate(images, false_reject_rate)
    rank = math.floor(promised * (images + 1) + 1e-9)
    if alike:
        value = descending[0] + _expected_excess(0.0, 0, 1 / 2, false_reject_rate, spread)
        note = f"{_count(images)} with no spread in score: as far above as good scores usually lie, under-determined"
    elif rank >= RELIABLE_RANK:
        value = descending[rank - 1]
        note = f"score of rank {rank} from the top of {_count(images)}"
    else:
        value = _extrapolate(descending, promised, spread)
        note = f"{_count(images)}: from the upper tail of their scores"
        if promised > false_reject_rate:
            note += f"; they cannot show a rate of {false_reject_rate:.2%} ({math.ceil(1 / false_reject_rate)} could)"
            note += f", so {promised:.2%} is promised"
        elif promised < 1 / (images + 1):
            note += f"; they cannot show a rate of {false_reject_rate:.2%} ({math.ceil(1 / false_reject_rate)} could)"
        if images < FEW_IMAGES:
            note += f"; fewer than {FEW_IMAGES}, so it is under-determined"
    if images < FEW_IMAGES or alike:
        _log.warning("threshold: %s", note)
    else:
        _log.info("threshold: %s", note)
    value = float(value + ROUNDING * np.abs(descending).max())
    rejected = int((descending > value).sum())
    interval = (rate_interval(rejected, images)[0], rate_interval(max(rejected, rank - 1), images)[1])
    return Threshold(
        value=value,
        false_reject_rate=false_reject_rate,
        promised_rate=promised,
        interval=interval,
        images=images,
        note=note,
    )


def promised_rate(images: int, false_reject_rate: float) -> float:
    """The false-reject rate that a threshold from so many good images can promise: at least the one asked for.

    Fewer than 20 images promise nothing; their threshold is under-determined for the rate asked for.
    """
    return false_reject_rate if images < LEAST_PROMISING else max(false_reject_rate, 1 / (images + 1))


def rate_interval(count: int, total: int) -> tuple[float, float]:
    """Clopper-Pearson 95 % interval of a rate of which `count` in `total` were seen; (0, 1) without any."""
    from scipy.stats import beta  # slow to import, and a service starts without it

    tail = (1 - CONFIDENCE) / 2
    low = float(beta.ppf(tail, count, total - count + 1)) if count > 0 else 0.0
    high = float(beta.ppf(1 - tail, count + 1, total - count)) if count < total else 1.0
    return low, high


def _check(scores: np.ndarray) -> None:
    if not len(scores):
        raise DatasetError(
            "no scores of good images to choose a threshold from; expected at least 1, better 100: add images"
        )
    if not np.isfinite(scores).all():
        bad = int((~np.isfinite(scores)).sum())
        raise DatasetError(
            f"{bad} of {len(scores)} scores of good images are not finite numbers; look for blank or broken good images"
        )


def _extrapolate(descending: np.ndarray, false_reject_rate: float, spread: float) -> float:
    """Solve fraction P(excess > y) = false_reject_rate for y."""
    images = len(descending)
    if images < FEW_IMAGES:
        tail = images - 1
        base = float(descending[tail])
        total = float((descending[:tail] - base).sum())
        value = base + _expected_excess(total, tail, tail / (images + 1), false_reject_rate, spread)
        return max(value, float(descending[0]))
    tail_of = fit_tail(descending)
    ratio = max(tail_of.fraction / false_reject_rate, 1.0)
    excess = tail_of.mean_excess * tail_of.count * float(ratio ** (1 / tail_of.count) - 1)
    from scipy.stats import binom

    # Of the images themselves, odd ones aside, no more than the rate explains.
    explained = int(binom.ppf(CONFIDENCE, images, false_reject_rate))
    allowed = min(tail_of.odd + explained, images - 1)
    return max(tail_of.start + excess, float(descending[allowed]))


def _expected_excess(total: float, count: int, fraction: float, false_reject_rate: float, spread: float) -> float:
    """The same with the prior: `count` scores exceed the base by `total` together, a further one with `fraction`."""
    ratio = max(fraction / false_reject_rate, 1.0)
    excess: float = (PRIOR_SCORES * spread + total) * (ratio ** (1 / (PRIOR_SCORES + count)) - 1)
    return excess


def _count(images: int) -> str:
    return "1 good image" if images == 1 else f"{images} good images"
