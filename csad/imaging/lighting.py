"""Uneven light: the plane that an even surface's colours follow when a lamp stands at one side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ROUNDS = 5
OUTLIER = 3.0
"""Multiple of the median distance from the plane: what is farther away is something that lies on the surface."""

LEAST_OUTLIER = 1.0
"""LAB distance below which nothing is an outlier."""


def fit_light(colours: NDArray[np.floating], surface: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Fit a plane to the colours of a surface, over whatever lies on it.

    Args:
        colours: LAB, (h, w, 3).
        surface: Pixels that mostly show the surface, bool (h, w), at least one.

    Returns:
        The light on the bare surface at each place, float64 (h, w, 3).
    """
    height, width = surface.shape
    rows, columns = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    places = np.stack([np.ones(surface.shape), rows, columns], axis=-1)
    seen, at = colours[surface], places[surface]
    plane = np.zeros((3, 3))
    plane[0] = np.median(seen, axis=0)
    for _ in range(ROUNDS):
        distance = np.linalg.norm(seen - at @ plane, axis=1)
        bare = distance <= max(OUTLIER * float(np.median(distance)), LEAST_OUTLIER)
        plane = np.linalg.lstsq(at[bare], seen[bare], rcond=None)[0]
    return np.asarray(places @ plane)
