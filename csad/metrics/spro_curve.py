"""The area under one sPRO curve, accumulated while thresholds fall.

sPRO is defined in doi:10.1007/s11263-022-01578-9.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Descent:
    """What happens while the threshold falls through a range of scores.

    At each of n distinct scores of defect pixels the curve rises, and if free pixels tie with them it moves to the
    right by as many at the same time.

    Attributes:
        before: Free pixels of the range that were passed before each of these scores, int (n,), rising.
        through: The same including the ties, int (n,).
        gains: Overlap, in defects, that each of these scores adds, float64 (n,).
        total: Free pixels in the range.
    """

    before: np.ndarray
    through: np.ndarray
    gains: np.ndarray
    total: int


class SproCurve:
    """An sPRO curve that is integrated as it is drawn, from the highest threshold to the lowest.

    Args:
        free: Pixels that are free of defects.
        defects: Number of defects.
        limits: False positive rates to integrate to.
    """

    def __init__(self, free: int, defects: int, limits: Sequence[float]) -> None:
        self._free = free
        self._defects = defects
        self._limits = np.asarray(limits, dtype=np.float64)
        self._passed = 0
        self._found = 0.0
        self._areas = np.zeros(len(limits))

    @property
    def areas(self) -> np.ndarray:
        """Area up to each limit, divided by the limit, float64 (len(limits),)."""
        return self._areas / self._limits

    def extend(self, descent: Descent) -> None:
        """Draw the curve on through the next range of scores."""
        found = self._found + np.concatenate([[0.0], np.cumsum(descent.gains)])
        corners = np.empty(2 * len(descent.gains) + 2)
        corners[0] = self._passed
        corners[1:-1:2] = self._passed + descent.before
        corners[2:-1:2] = self._passed + descent.through
        corners[-1] = self._passed + descent.total
        self._integrate(corners / self._free, np.repeat(found, 2) / self._defects)
        self._passed += descent.total
        self._found = float(found[-1])

    def _integrate(self, x: np.ndarray, y: np.ndarray) -> None:
        """Add the trapezoids between corners, cut off at each limit."""
        width = np.diff(x)
        slope = np.divide(np.diff(y), width, out=np.zeros_like(width), where=width > 0)
        for index, limit in enumerate(self._limits):
            inside = np.clip(limit - x[:-1], 0, width)
            self._areas[index] += float((inside * (y[:-1] + slope * inside / 2)).sum())
