"""A cable between two points, whole or cut."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from drawn_lines.drawing import Floats, Mask
from drawn_lines.pen import Pen
from drawn_lines.surface import blend, box, diffuse, glint, normals, rounded

WIDTH, COPPER_WIDTH = 13, 6
COPPER = np.array([0.80, 0.45, 0.25])
POINTS = 160
BULGE = 120
"""How far up or down the cable may be pulled, in pixels."""


def path(ends: Floats, bend: Floats, shape: tuple[int, int]) -> Floats:
    """A curve between two points that leaves both inwards.

    Args:
        ends: float64 (2, 2), x and y of the left and the right end.
        bend: float64 (4,), 0..1: how far it leaves inwards and bulges on the left, then on the right.
        shape: Shape of the picture, (H, W); the curve stays inside.

    Returns:
        float64 (POINTS, 2), x and y.
    """
    left, right = ends
    leave_left = left + np.array([60 + 130 * bend[0], BULGE * (2 * bend[1] - 1)])
    leave_right = right + np.array([-60 - 130 * bend[2], BULGE * (2 * bend[3] - 1)])
    along = np.linspace(0, 1, POINTS)[:, None]
    back = 1 - along
    points = back**3 * left + 3 * back**2 * along * leave_left + 3 * back * along**2 * leave_right + along**3 * right
    points[:, 1] = np.clip(points[:, 1], 14, shape[0] - 14)
    return points


@dataclass(frozen=True)
class Cable:
    """Where a cable lies.

    Attributes:
        alpha: float64 (H, W), 0..1.
        copper: float64 (H, W), 0..1, bare wire where it is cut.
        gap: bool (H, W), around the cut; empty if whole.
    """

    alpha: Floats
    copper: Floats
    gap: Mask

    @property
    def place(self) -> Mask:
        """Where it lies: bool (H, W)."""
        return self.alpha > 0.5

    @classmethod
    def whole(cls, points: Floats, shape: tuple[int, int]) -> "Cable":
        """A good cable along a path (n, 2)."""
        return cls(_stroke([points], WIDTH, shape), np.zeros(shape), np.zeros(shape, bool))

    @classmethod
    def cut(cls, points: Floats, shape: tuple[int, int], odd: Generator) -> "Cable":
        """A cable along a path (n, 2) that is cut somewhere in the middle; one end is pushed aside."""
        middle, half = int(odd.integers(45, 115)), int(odd.integers(5, 11))
        left, right = points[: middle - half], points[middle + half :].copy()
        right[:, 1] += np.linspace(odd.uniform(-9, 9), 0, len(right))
        x, y = (int(value) for value in points[middle])
        gap = box(shape, slice(max(0, y - 16), y + 16), slice(x - 20, x + 20))
        copper = _stroke([left[-3:], right[:3]], COPPER_WIDTH, shape)
        return cls(_stroke([left, right], WIDTH, shape), copper, gap)


def paint(image: Floats, cable: Cable, colour: Sequence[float], rng: Generator) -> None:
    """Paint a cable and its shadow into an image (H, W, 3), in place."""
    height = 6 * rounded(ndimage.distance_transform_edt(cable.place) / 6.5, 1)
    normal = normals(ndimage.gaussian_filter(height, 0.8))
    lit = np.array(colour) * rng.normal(1, 0.03) * (0.4 + 0.8 * diffuse(normal))[..., None]
    lit = blend(lit + 0.25 * glint(normal, 18)[..., None], COPPER, cable.copper)
    shadow = ndimage.gaussian_filter(ndimage.shift(cable.alpha, (7, 5), order=0), 4)
    image *= (1 - 0.4 * shadow)[..., None]
    image[:] = blend(image, lit, cable.alpha)


def _stroke(pieces: Sequence[Floats], width: float, shape: tuple[int, int]) -> Floats:
    """Lines with round ends along paths (n, 2): float64 (H, W), 0..1."""
    pen = Pen(shape[1], shape[0], 2)
    for points in pieces:
        pen.line(points, width)
        for x, y in (points[0], points[-1]):
            pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2))
    return pen.reduced()
