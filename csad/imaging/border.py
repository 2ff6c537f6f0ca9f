"""What the bare border of an image tells: the measure of differences between recording sessions (ours).

A detector that only looks at the border must not do better than chance; where it does, good and anomalous images were
taken under different conditions and every other figure is flattered.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from csad.imaging.working_image import working_image

STRIP = 0.03
"""Width of the border as a fraction of the image's side."""

FLOOR = 0.25
"""Variance in squared LAB units that any two pictures may differ by."""


class BorderModel(BaseModel):
    """Mean and precision of the colour statistics of normal images' borders.

    Attributes:
        mean: Six numbers: mean and deviation of L, a, b.
        precision: Six by six, row by row.
    """

    model_config = ConfigDict(frozen=True)

    mean: tuple[float, ...]
    precision: tuple[tuple[float, ...], ...]

    def distance(self, image: NDArray[np.uint8]) -> float:
        """Mahalanobis distance of an image's border, uint8 (H, W, 3), from normal ones."""
        difference = border_statistics(image) - np.array(self.mean)
        return float(np.sqrt(difference @ np.array(self.precision) @ difference))


def fit_border(images: Sequence[NDArray[np.uint8]]) -> BorderModel:
    """Fit on normal images, uint8 (H, W, 3)."""
    statistics = np.stack([border_statistics(image) for image in images])
    centred = statistics - statistics.mean(axis=0)
    covariance = centred.T @ centred / len(centred) + FLOOR * np.eye(statistics.shape[1])
    precision = np.linalg.inv(covariance)
    return BorderModel(mean=tuple(statistics.mean(axis=0)), precision=tuple(tuple(row) for row in precision))


def border_statistics(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean and deviation of L, a, b along the border, float64 (6,), at the image's working size.

    Reducing takes noise away, so that images which are compared must all be reduced or none.
    """
    from skimage.color import rgb2lab  # scoring does not need it

    image = working_image(image)
    rows, columns = (max(1, round(STRIP * side)) for side in image.shape[:2])
    strips = (image[:rows], image[-rows:], image[:, :columns], image[:, -columns:])
    lab = rgb2lab(np.concatenate([strip.reshape(-1, 3) for strip in strips]))
    return np.concatenate([lab.mean(axis=0), lab.std(axis=0)])
