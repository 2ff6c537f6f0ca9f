"""Summary of what normal products hold, from the class probabilities of training images (paper 3.3)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from csad.images.training_images import evenly_spaced
from csad.scoring.component_statistics import GRIDS, ComponentStatistics
from csad.scoring.histogram import class_fractions

MAXIMUM_NORMALS = 200
"""Normal label maps kept to show where a missing component would be."""


class ComponentStatisticsBuilder:
    """Collects the class fractions and label maps of normal images, a batch at a time.

    Args:
        images: How many images will come; of as many as are kept, the label maps are spread evenly over them.
    """

    def __init__(self, images: int) -> None:
        self._fractions: dict[int, list[Tensor]] = {grid: [] for grid in GRIDS}
        self._maps: list[Tensor] = []
        self._shown = set(evenly_spaced(images, MAXIMUM_NORMALS))
        self._count = 0
        self._pixels = 1

    def add(self, probabilities: Tensor) -> None:
        """Take in the class probabilities of normal images, float32 (B, K + 1, h, w)."""
        for grid in GRIDS:
            self._fractions[grid].append(_fractions(probabilities, grid))
        shown = [index for index in range(len(probabilities)) if self._count + index in self._shown]
        if shown:
            self._maps.extend(functional.avg_pool2d(probabilities[shown], 2).argmax(dim=1).to(torch.uint8))
        self._count += len(probabilities)
        self._pixels = probabilities.shape[-1] * probabilities.shape[-2]

    def build(self, types: NDArray[np.int64]) -> ComponentStatistics:
        """Summarise per product type; `types` (N,) follows the order of the images."""
        kinds = np.unique(types)
        means, deviations = {}, {}
        for grid in GRIDS:
            fractions = torch.cat(self._fractions[grid])
            floor = 2 * grid**2 / self._pixels
            groups = [fractions[torch.from_numpy(types == kind)] for kind in kinds]
            means[grid] = torch.stack([group.mean(dim=0) for group in groups])
            deviations[grid] = torch.stack([group.std(dim=0, correction=0).clamp_min(floor) for group in groups])
        return ComponentStatistics(
            {grid: values.numpy() for grid, values in means.items()},
            {grid: values.numpy() for grid, values in deviations.items()},
            torch.stack(self._maps).numpy(),
        )


def _fractions(probabilities: Tensor, grid: int) -> Tensor:
    """Class fractions as (B, K, P, P)."""
    return class_fractions(probabilities, grid).view(len(probabilities), -1, grid, grid)
