"""The anomaly map of an image: the branches' maps and their heat on one scale (paper 3.5).

The paper averages both maps (`csad.scoring.mean_localisation`); ours sums them, weighted.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from csad.imaging.resampling import bilinear
from csad.lgst.maps import HIGH_VALUE, MapNormaliser

MapScales = Mapping[str, MapNormaliser]
Floats = NDArray[np.float32]


def anomaly_map(
    maps: Mapping[str, Floats],
    heats: Mapping[str, Floats],
    scales: MapScales,
    weights: Mapping[str, float],
    size: tuple[int, int],
) -> Floats:
    """Draw where one image is unusual.

    Args:
        maps: Maps of the image, in any unit, float32 (r, c) each.
        heats: Heats of the image, on the scale of the result, float32 (r, c) each.
        scales: Scale of each of `maps`: its normal cells' upper tail becomes 0.1.
        weights: Fusion weight of each score.
        size: Height and width of the result.

    Returns:
        float32 (height, width), at least 0.
    """
    total = np.zeros(size, np.float32)
    for name, values in maps.items():
        scaled = np.maximum(scales[name](values), 0) * weights.get(name, 1.0)
        total += bilinear(scaled, size)
    for name, values in heats.items():
        total += bilinear(values, size) * weights.get(name, 1.0)
    return total


def normal_tail(scales: MapScales, weights: Mapping[str, float]) -> float:
    """What the upper tail of normal images' cells reaches on the map: 0.1 of each branch, weighted as the map adds it.

    Args:
        scales: Scale of each map.
        weights: Fusion weight of each score.

    Returns:
        Above 0; 0.1 without maps, whose unit the heat assignments.
    """
    return HIGH_VALUE * sum(weights.get(name, 1.0) for name in scales) or HIGH_VALUE
