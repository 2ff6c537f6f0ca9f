"""How far scores, maps and explanations of one runtime lie from those of another."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from csad.scoring.fusion import Fusion

TOLERANCE = 1e-3
"""Relative difference of a score or a raw score that is allowed; single precision alone makes about 1e-6."""

MAP_TOLERANCE = 0.2
"""Deviation of a cell of the map that is allowed, relative to the cell or, where that is larger, to what the upper
tail of normal cells reaches: at most a seventh of the range of colours in which maps are drawn (`HeatScale.of_model`).
The search in two steps of exported graphs makes up to about 0.03, single precision alone 1e-5."""

LAST_DIGIT = 0.11
"""Relative difference of a percentage that is allowed: explanations round to two digits, so 1.0 may be 1.1."""

SMALLEST = 0.01
"""Deviation in percent of the product that is allowed whatever the amount: far below what counts as a change."""

Scores = NDArray[np.float64]

_PERCENTAGE = re.compile(r"(\d+(?:\.\d+)?(?:e[+-]?\d+)?) %")


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


def map_error(found: NDArray[np.float32], expected: NDArray[np.float32], normal_tail: float) -> float:
    """Largest difference of a cell of a map, relative to the expected cell or, where that is larger, to `normal_tail`.

    Args:
        found: Drawn map, float32 (r, c).
        expected: The same of the reference.
        normal_tail: What the upper tail of normal images' cells reaches on it, above 0.

    Returns:
        Infinite where a cell is not a number.
    """
    return _largest(np.abs(found - expected).astype(np.float64) / np.maximum(np.abs(expected), normal_tail))


def explained_alike(found: tuple[str, ...], expected: tuple[str, ...]) -> bool:
    """Whether two explanations name the same components, amounts and places; percentages may differ by rounding."""
    if [_PERCENTAGE.sub("%", one) for one in found] != [_PERCENTAGE.sub("%", one) for one in expected]:
        return False
    amounts, right = (np.array(_PERCENTAGE.findall("\n".join(one)), dtype=np.float64) for one in (found, expected))
    return bool(np.allclose(amounts, right, rtol=LAST_DIGIT, atol=SMALLEST))


def _largest(errors: NDArray[np.float64]) -> float:
    """The largest of some errors; infinite where one is not a number."""
    return float("inf") if np.isnan(errors).any() else float(errors.max(initial=0))
