"""How far normal patches usually lie from each patch of a memory bank, so that a distance says how unusual it is.

A bare distance to the nearest normal patch counts the same on a smooth housing, where normal patches lie close, and on
a texture, where they never do. As a local outlier factor does (Breunig et al. 2000, doi:10.1145/342009.335388), the
distance is therefore compared with those of normal patches in the same neighbourhood: z = (d - mean) / deviation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

NEIGHBOURS = 20
"""Patches of the memory bank whose normal distances are pooled: few normal patches are nearest to a given one."""

PRIOR_PATCHES = 20
"""What the distances of all normal patches are worth, in patches, where a neighbourhood has few of its own."""

PRIOR_IMAGES = 20
"""The same in images, of which a neighbourhood's patches come from few: of ten images a third is believed."""

POOLED_FRACTION = 0.5
"""Fraction of all normal distances' deviation, added to a neighbourhood's own: hardly any spread may be chance."""

LEAST_DEVIATION = 0.1
"""In standard deviations of the features: identical images must not give infinite scores."""


@dataclass(frozen=True)
class NormalDistances:
    """Distances of normal patches, by the patch of the memory bank that is nearest to them.

    Attributes:
        mean: float32 (M,), at least 0.
        deviation: float32 (M,), above 0.
    """

    mean: Tensor
    deviation: Tensor

    def __call__(self, distances: Tensor, nearest: Tensor) -> Tensor:
        """Deviations by which distances exceed normal ones.

        Args:
            distances: float32 of any shape, at least 0.
            nearest: Index of the nearest patch of the memory bank, int64 of the same shape.

        Returns:
            float32 of the same shape; 0 for a usual normal patch.
        """
        return (distances - self.mean[nearest]) / self.deviation[nearest]

    def to(self, device: torch.device | str) -> NormalDistances:
        """Move to a device."""
        return NormalDistances(self.mean.to(device), self.deviation.to(device))

    def tensors(self) -> dict[str, Tensor]:
        """Flat tensors for the model folder."""
        return {"normal_mean": self.mean, "normal_deviation": self.deviation}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> NormalDistances:
        """Rebuild what `tensors` stored."""
        return cls(tensors["normal_mean"], tensors["normal_deviation"])


class NormalDistancesFit:
    """Sums distances of normal patches, in memory that does not grow with the images."""

    def __init__(self, patches: Tensor) -> None:
        """Start without any.

        Args:
            patches: The memory bank, standardised, float32 (M, C).
        """
        self._patches = patches
        zeros = torch.zeros(len(patches), dtype=torch.float64, device=patches.device)
        self._count, self._sum, self._squares = zeros, zeros.clone(), zeros.clone()
        self._images = 0

    def add(self, distances: Tensor, nearest: Tensor) -> None:
        """Take in patches of images that the memory bank has not seen.

        Args:
            distances: float32 (B, h, w), at least 0.
            nearest: Index of the nearest patch of the memory bank, int64 (B, h, w).

        An infinite distance, where nothing but the image's own patches is held, says nothing.
        """
        self._images += len(distances)
        known = torch.isfinite(distances)
        values, places = distances[known].double(), nearest[known]
        self._count.index_add_(0, places, torch.ones_like(values))
        self._sum.index_add_(0, places, values)
        self._squares.index_add_(0, places, values.square())

    def build(self) -> NormalDistances:
        """Mean and deviation around each patch; all alike where nothing was added."""
        total = self._count.sum().clamp_min(1)
        mean = self._sum.sum() / total
        square = self._squares.sum() / total
        deviation = (square - mean.square()).clamp_min(0).sqrt().clamp_min(LEAST_DEVIATION)
        neighbours = _neighbours(self._patches, NEIGHBOURS)
        count, sums, squares = (of[neighbours].sum(dim=1) for of in (self._count, self._sum, self._squares))
        prior = PRIOR_PATCHES + count * PRIOR_IMAGES / max(1, self._images)
        local_mean = (sums + prior * mean) / (count + prior)
        local_square = (squares + prior * (mean.square() + deviation.square())) / (count + prior)
        local = (local_square - local_mean.square()).clamp_min(0).sqrt()
        return NormalDistances(local_mean.float(), (local + POOLED_FRACTION * deviation).float())


def _neighbours(patches: Tensor, count: int) -> Tensor:
    """Indices of the `count` nearest patches to each, itself among them, int64 (M, count)."""
    count = min(count, len(patches))
    rows = [torch.cdist(part, patches).topk(count, largest=False).indices for part in torch.split(patches, 512)]
    return torch.cat(rows)
