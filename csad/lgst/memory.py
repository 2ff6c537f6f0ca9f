"""The local student without training: the nearest of a memory of normal patches (after PatchCore).

Stands where the paper's patch network stands; on two CPU cores it is ready in seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from csad.lgst.teacher import orthogonal_projection

POOL_FACTOR = 5
"""Patches drawn per patch that the memory keeps."""

PROJECTED = 48
"""Channels in which the coverage of the memory is measured (random projection keeps distances well enough)."""


@dataclass(frozen=True)
class PatchMemory:
    """Normal patches that cover all others.

    Attributes:
        patches: float32 (M, C), standardised teacher features.
    """

    patches: Tensor

    def distance_map(self, features: Tensor) -> Tensor:
        """Distance of each patch to the nearest normal one.

        Args:
            features: Teacher features, float32 (B, C, h, w).

        Returns:
            float32 (B, h, w), at least 0.
        """
        batch, channels, height, width = features.shape
        norms = self.patches.square().sum(dim=1)
        maps = []
        # One image at a time: (h * w, M) distances are the largest thing held.
        for image in features.permute(0, 2, 3, 1).reshape(batch, height * width, channels):
            nearest = torch.addmm(norms, image, self.patches.T, alpha=-2).amin(dim=1)
            maps.append((nearest + image.square().sum(dim=1)).clamp_min(0).sqrt())
        return torch.stack(maps).view(batch, height, width)

    def tensors(self) -> dict[str, Tensor]:
        """Flat tensors for the model folder."""
        return {"patches": self.patches.half().contiguous()}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> PatchMemory:
        """Rebuild what `tensors` stored."""
        return cls(tensors["patches"].float())


def fit_patch_memory(batches: Iterable[Tensor], images: int, size: int, seed: int) -> PatchMemory:
    """Draw patches evenly from all normal images and keep those that cover the rest best (greedy k-centre).

    Args:
        batches: Teacher features of normal images, float32 (B, C, h, w) each.
        images: How many images the batches hold altogether.
        size: Patches to keep, M.
        seed: Of the draw.

    Returns:
        A memory in bounded space: at most 5 M patches are held while fitting, whatever the number of images.
    """
    generator = torch.Generator().manual_seed(seed)
    per_image = max(1, -(-POOL_FACTOR * size // max(1, images)))
    drawn = []
    for batch in batches:
        for image in batch.flatten(2).transpose(1, 2):  # (h * w, C)
            drawn.append(image[torch.randperm(len(image), generator=generator)[:per_image]].cpu())
    pool = torch.cat(drawn)
    return PatchMemory(pool[_greedy_k_centre(pool, size, seed)])


def _greedy_k_centre(points: Tensor, size: int, seed: int) -> Tensor:
    """Indices of `size` points, each the farthest from those before it."""
    if len(points) <= size:
        return torch.arange(len(points))
    if points.shape[1] > PROJECTED:
        points = points @ orthogonal_projection(points.shape[1], PROJECTED, seed).T
    chosen = torch.empty(size, dtype=torch.long)
    chosen[0] = 0
    norms = points.square().sum(dim=1)
    distances = torch.full((len(points),), torch.inf)
    for index in range(1, size):
        last = chosen[index - 1]
        torch.minimum(distances, norms + norms[last] - 2 * (points @ points[last]), out=distances)
        chosen[index] = distances.argmax()
    return chosen
