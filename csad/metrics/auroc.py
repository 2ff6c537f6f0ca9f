"""Area under the ROC curve of image scores, by definition (doi:10.1148/radiology.143.1.7063747)."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm, rankdata

CONFIDENCE = 0.95
NEGLIGIBLE = 1e-12


@dataclass(frozen=True)
class RocCurve:
    """Every operating point, from "reject nothing" to "reject everything".

    Attributes:
        false_positive_rate: float64 (K,), rising from 0 to 1.
        true_positive_rate: float64 (K,), rising from 0 to 1.
        thresholds: float64 (K,), falling; a point rejects scores >= its threshold. The first is infinite.
    """

    false_positive_rate: np.ndarray
    true_positive_rate: np.ndarray
    thresholds: np.ndarray


def auroc(good: np.ndarray, anomalous: np.ndarray) -> float:
    """Probability that an anomalous image scores higher than a good one; ties count half.

    Args:
        good: Scores of good images, float (N,), N >= 1.
        anomalous: Scores of anomalous images, float (M,), M >= 1.

    Returns:
        0..1, in O((N + M) log (N + M)).

    Raises:
        ValueError: One side is empty, or a score is not a number.
    """
    good, anomalous = _checked(good, anomalous)
    ranks = rankdata(np.concatenate([good, anomalous]))
    wins = ranks[len(good) :].sum() - len(anomalous) * (len(anomalous) + 1) / 2
    return float(wins / (len(good) * len(anomalous)))


def auroc_interval(area: float, good: int, anomalous: int) -> tuple[float, float]:
    """95 % confidence interval of an AUROC, Hanley and McNeil's variance inverted as a score interval.

    Newcombe (2006), method 5. It has a width even where the classes are separated perfectly.

    Args:
        area: The AUROC, 0..1.
        good: Good images behind it.
        anomalous: Anomalous images behind it.
    """
    quantile = float(norm.ppf((1 + CONFIDENCE) / 2))

    def distance(true_area: float) -> float:
        return abs(area - true_area) - quantile * math.sqrt(_variance(true_area, good, anomalous))

    inside = min(max(area, NEGLIGIBLE), 1 - NEGLIGIBLE)
    low = 0.0 if distance(0.0) <= 0 else float(brentq(distance, 0.0, inside))
    high = 1.0 if distance(1.0) <= 0 else float(brentq(distance, inside, 1.0))
    return low, high


def roc_curve(good: np.ndarray, anomalous: np.ndarray) -> RocCurve:
    """Trace the ROC curve, one point per distinct score.

    Args:
        good: Scores of good images, float (N,), N >= 1.
        anomalous: Scores of anomalous images, float (M,), M >= 1.

    Raises:
        ValueError: One side is empty, or a score is not a number.
    """
    good, anomalous = _checked(good, anomalous)
    thresholds = np.unique(np.concatenate([good, anomalous]))[::-1]
    return RocCurve(
        false_positive_rate=np.concatenate([[0.0], _rate_from(good, thresholds)]),
        true_positive_rate=np.concatenate([[0.0], _rate_from(anomalous, thresholds)]),
        thresholds=np.concatenate([[np.inf], thresholds]),
    )


def _checked(good: np.ndarray, anomalous: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    sides = np.asarray(good, dtype=np.float64), np.asarray(anomalous, dtype=np.float64)
    for name, scores in zip(("good", "anomalous"), sides, strict=True):
        if not scores.size:
            raise ValueError(f"no {name} scores; an AUROC needs at least one on each side")
        if np.isnan(scores).any():
            raise ValueError(f"{np.isnan(scores).sum()} of {scores.size} {name} scores are not numbers")
    return sides


def _rate_from(scores: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Fraction of the scores at or above each threshold."""
    below = np.searchsorted(np.sort(scores), thresholds, side="left")
    rates: np.ndarray = (len(scores) - below) / len(scores)
    return rates


def _variance(area: float, good: int, anomalous: int) -> float:
    """Hanley and McNeil's variance, with both class sizes replaced by their mean in the covariance terms."""
    pairs = (good + anomalous) / 2 - 1
    spread = 1 + pairs * (1 - area) / (2 - area) + pairs * area / (1 + area)
    return area * (1 - area) * spread / (good * anomalous)
