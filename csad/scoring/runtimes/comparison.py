"""How far the scores of one runtime lie from those of another."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from csad.scoring.fusion import Fusion

TOLERANCE = 1e-3
"""Relative difference of a score or a raw score that is allowed; single precision alone makes about 1e-6."""

Scores = NDArray[np.float64]


def score_error(found: Scores, expected: Scores) -> float:
    """Largest difference of scores (N,), relative to the expected one or, where that is larger, to 1: NaN counts."""
    return _largest(np.abs(found - expected) / np.maximum(np.abs(expected), 1))


def column_error(found: Mapping[str, Scores], expected: Mapping[str, Scores], fusion: Fusion) -> float:
    """Largest difference of raw scores (N,), relative to the expected one or, where that is larger, to their spread.

    Infinite where a column is missing.
    """
    if found.keys() != expected.keys():
        return float("inf")
    return max(
        _largest(np.abs(found[name] - values) / np.maximum(np.abs(values), fusion.columns[name].deviation))
        for name, values in expected.items()
    )


def _largest(errors: Scores) -> float:
    """The largest of some errors; infinite where one is not a number."""
    return float("inf") if np.isnan(errors).any() else float(errors.max(initial=0))
