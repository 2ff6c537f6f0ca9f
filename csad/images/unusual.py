"""Good images that look like none of the others: dark, constant, blurred, turned, another product.

The rules come from the good images alone and hold against their medians, so that up to nearly half of them may be bad.
On six real lines (969 good images) none is named.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from csad.images.near_equal import nearest_others
from csad.images.thumbnail import Thumbnail

FAR = 2.75
"""Difference to the nearest other image, in medians of it; on six real lines the largest was 2.4."""

DARK, BRIGHT = 0.4, 2.0
"""Mean value, in medians of it; on six real lines 0.63 to 1.33."""

FLAT = 0.4
"""Standard deviation of the values, in medians of it; on six real lines at least 0.68."""

BLURRED = 0.4
"""Mean difference of neighbouring pixels, in medians of it."""

FEWEST = 8
"""Fewer images show no usual image."""


def find_unusual(thumbnails: Sequence[Thumbnail], groups: NDArray[np.int64]) -> dict[int, str]:
    """Name the images that are far from all others.

    Args:
        thumbnails: Thumbnails of the good images that train and calibrate.
        groups: Group of near-equal images of each, int64 (N,).

    Returns:
        Why, by index, such as "dark: mean value 2 where 118 is usual".
    """
    if len(thumbnails) < FEWEST:
        return {}
    pixels = np.stack([one.pixels for one in thumbnails])
    reasons: dict[int, str] = {}
    nearest = nearest_others(pixels, groups)
    usual = float(np.median(nearest))
    for index in np.flatnonzero(np.isfinite(nearest) & (nearest > FAR * usual)):
        reasons[int(index)] = f"like no other image: {nearest[index] / usual:.1f} times as far as usual"
    values = pixels.astype(np.float32).reshape(len(pixels), -1)
    sharpness = np.array([one.sharpness for one in thumbnails])
    _below(reasons, "blurred: differences of neighbouring pixels", sharpness, BLURRED)
    _below(reasons, "constant: spread of values", values.std(axis=1), FLAT)
    brightness = values.mean(axis=1)
    _below(reasons, "dark: mean value", brightness, DARK)
    middle = float(np.median(brightness))
    for index in np.flatnonzero(brightness > BRIGHT * middle):
        reasons[int(index)] = f"bright: mean value {brightness[index]:.0f} where {middle:.0f} is usual"
    return dict(sorted(reasons.items()))


def _below(reasons: dict[int, str], what: str, figures: NDArray[np.floating], fraction: float) -> None:
    usual = float(np.median(figures))
    for index in np.flatnonzero(figures < fraction * usual):
        reasons[int(index)] = f"{what} {figures[index]:.2g} where {usual:.2g} is usual"
