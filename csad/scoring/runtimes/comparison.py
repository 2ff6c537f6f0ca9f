"""How far scores, maps and explanations of one runtime lie from those of another."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from csad.scoring.fusion import Fusion

TOLERANCE = 1e-3
"""Relative difference of a score or a raw score that is allowed; single precision alone makes about 1e-6."""

MAP_TOLERANCE = 0.2
"""Deviation of a cell of the map that is allowed, relative to the cell or, where that is larger, to what the upper
tail of normal cells reaches: at most a seventh of the range of colours in which maps are drawn (`HeatScale.of_model`).
The search in two steps of exported graphs makes up to about 0.07, single precision alone 1e-5."""

BORDER = 0.005
"""Fraction of a map's cells that may lie on the other side of a border of heat: where two classes are equally probable
rounding decides which one a cell shows."""

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

    Cells that differ by more than `MAP_TOLERANCE` do not count where each map has values of both around them, and where
    they are at most the fraction `BORDER` of all.

    Args:
        found: Drawn map, float32 (r, c).
        expected: The same of the reference.
        normal_tail: What the upper tail of normal images' cells reaches on it, above 0.

    Returns:
        Infinite where a cell is not a number.
    """
    unit = np.maximum(np.abs(expected), normal_tail)
    errors = np.abs(found - expected).astype(np.float64) / unit
    slack = MAP_TOLERANCE * np.maximum(np.abs(found), unit)
    at_border = (errors > MAP_TOLERANCE) & _within(found, expected, slack) & _within(expected, found, slack)
    return _largest(errors[~at_border] if at_border.sum() <= BORDER * errors.size else errors)


def explained_alike(found: tuple[str, ...], expected: tuple[str, ...]) -> bool:
    """Whether two explanations name the same components, amounts and places.

    Percentages may differ by rounding, and so may the order of what is equally unusual.
    """
    ordered = [sorted(one, key=_wording) for one in (found, expected)]
    if [_wording(one) for one in ordered[0]] != [_wording(one) for one in ordered[1]]:
        return False
    amounts, right = (np.array(_PERCENTAGE.findall("\n".join(one)), dtype=np.float64) for one in ordered)
    return bool(np.allclose(amounts, right, rtol=LAST_DIGIT, atol=SMALLEST))


def _within(values: NDArray[np.float32], others: NDArray[np.float32], slack: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which cells (r, c) lie, but for some slack, between the extremes of the other map's 3 x 3 cells around them."""
    around = sliding_window_view(np.pad(others, 1, mode="edge"), (3, 3))  # (r, c, 3, 3)
    return np.asarray((around.min(axis=(2, 3)) - slack <= values) & (values <= around.max(axis=(2, 3)) + slack))


def _wording(sentence: str) -> str:
    return _PERCENTAGE.sub("%", sentence)


def _largest(errors: NDArray[np.float64]) -> float:
    """The largest of some errors; infinite where one is not a number."""
    return float("inf") if np.isnan(errors).any() else float(errors.max(initial=0))
