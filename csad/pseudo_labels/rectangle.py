"""The smallest rectangle, at any angle, around a component.

Its diagonal scales the component before its features are taken (paper 3.1).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from csad.common.errors import StageError


@dataclass(frozen=True)
class Rectangle:
    """A rectangle at any angle, in pixels; pixel (0, 0) covers the square from (0, 0) to (1, 1).

    Attributes:
        centre: (x, y).
        long_side: At least 1.
        short_side: At least about 0.7, so that points and lines are no special case.
    """

    centre: tuple[float, float]
    long_side: float
    short_side: float

    @property
    def diagonal(self) -> float:
        """Length of the diagonal."""
        return float(np.hypot(self.long_side, self.short_side))


def minimum_area_rectangle(mask: NDArray[np.bool_]) -> Rectangle:
    """Find the rectangle of least area around the pixels of a mask.

    One of its sides lies on an edge of the convex hull, so every edge is tried (rotating calipers).

    Args:
        mask: bool (H, W) with at least one pixel. Pixels are squares, not points: one pixel has sides 1 and 1.

    Raises:
        StageError: The mask is empty.
    """
    rows = np.flatnonzero(mask.any(axis=1))
    if rows.size == 0:
        raise StageError("a component mask holds no pixel; expected at least one, drop empty masks first")
    occupied = mask[rows]
    left = occupied.argmax(axis=1)
    right = mask.shape[1] - occupied[:, ::-1].argmax(axis=1)
    x = np.concatenate([left, left, right, right]).astype(np.float64)
    y = np.concatenate([rows, rows + 1, rows, rows + 1]).astype(np.float64)
    points = np.stack([x, y], axis=1)
    hull = points[ConvexHull(points).vertices]  # (E, 2)

    edges = np.roll(hull, -1, axis=0) - hull
    along = edges / np.linalg.norm(edges, axis=1, keepdims=True)  # (E, 2)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    u, v = along @ hull.T, across @ hull.T  # (E, E)
    width, height = np.ptp(u, axis=1), np.ptp(v, axis=1)
    best = int(np.argmin(width * height))
    middle_u = (u[best].min() + u[best].max()) / 2
    middle_v = (v[best].min() + v[best].max()) / 2
    centre = middle_u * along[best] + middle_v * across[best]
    sides = sorted((float(width[best]), float(height[best])))
    return Rectangle(centre=(float(centre[0]), float(centre[1])), long_side=sides[1], short_side=sides[0])
