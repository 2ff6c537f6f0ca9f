"""The local student without training: the nearest of a memory bank of normal patches (PatchCore, arXiv:2106.08265).

The bank is a coreset chosen by greedy k-center (Gonzalez 1985, doi:10.1016/0304-3975(85)90224-5) on a random
projection.

It stands where the paper's patch network (3.4) stands; on two CPU cores it is ready in seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from csad.lgst.normal_distances import NormalDistances, NormalDistancesFit
from csad.lgst.teacher import LEAST_RELATIVE_DEVIATION, orthogonal_projection

POOL_FACTOR = 25
"""Patches drawn per patch of the coreset: where small parts lie on a wide background, few draws meet a part."""

PROJECTED = 48
"""Channels in which the coverage of the memory bank is measured (random projection keeps distances well enough)."""

ROWS = 512
"""Patches compared with the bank at a time: (512, M) distances stay near the processor whatever the image's size."""

CANDIDATES = 4096
"""Farthest patches among which the next ones of a coreset are sought, before the distances of all are brought up to
date: the same choice as from all of them for a fraction of the time."""


@dataclass(frozen=True)
class PatchLayers:
    """Layers (stages of the backbone) that describe a patch.

    Attributes:
        stages: Two neighbouring stages, 0 the finest.
        averaged: Average over 3 x 3 patches, which steadies fine stages.
    """

    stages: tuple[int, int]
    averaged: bool

    def describe(self, pyramid: Sequence[Tensor]) -> Tensor:
        """Bring the stages, (B, C_s, H/s, W/s), to the grid at stride 8 and stack them: (B, C, H/8, W/8)."""
        grid = (pyramid[1].shape[-2], pyramid[1].shape[-1])
        parts = []
        for stage in self.stages:
            values = pyramid[stage]
            if values.shape[-2] > grid[0]:
                parts.append(functional.adaptive_avg_pool2d(values, grid))
            else:
                parts.append(functional.interpolate(values, size=grid, mode="bilinear", align_corners=False))
        features = torch.cat(parts, dim=1)
        if self.averaged:
            features = functional.avg_pool2d(features, 3, stride=1, padding=1, count_include_pad=False)
        return features


MEMORY_LAYERS = {
    "local": PatchLayers((1, 2), averaged=False),
    "neighbourhood": PatchLayers((1, 2), averaged=True),
    "detail": PatchLayers((0, 1), averaged=True),
}
"""Three banks. `local` and `neighbourhood` see shape and arrangement, `detail` colour and texture. PatchCore's local
averaging (arXiv:2106.08265, Eq. 2) steadies parts that never lie quite alike and blurs small defects on those that do:
which one is right differs from line to line, so both are kept and the fusion takes what stands out in either."""


@dataclass(frozen=True)
class MemoryBank:
    """Normal patches that cover all others.

    Attributes:
        layers: What describes a patch.
        mean: float32 (C,), over all normal patches.
        deviation: float32 (C,), above 0.
        patches: Standardised, float32 (M, C).
        sources: Group of the training image that each patch comes from, int64 (M,).
        normal: How far normal patches usually lie from each patch; None before `with_normal_distances`.
    """

    layers: PatchLayers
    mean: Tensor
    deviation: Tensor
    patches: Tensor
    sources: Tensor
    normal: NormalDistances | None = None

    def deviation_map(self, pyramid: Sequence[Tensor], without: Sequence[int] | None = None) -> Tensor:
        """How unusual the distance of each patch to the nearest normal one is; arguments as in `nearest`.

        Returns:
            float32 (B, H/8, W/8): deviations above the usual distance there.
        """
        if self.normal is None:
            raise ValueError("the memory bank does not know its normal distances; call with_normal_distances first")
        return self.normal(*self.nearest(pyramid, without))

    def nearest(self, pyramid: Sequence[Tensor], without: Sequence[int] | None = None) -> tuple[Tensor, Tensor]:
        """Distance of each patch to the nearest normal one, and which one that is.

        Args:
            pyramid: Stages of the backbone, (B, C_s, H/s, W/s).
            without: For each image a group whose patches are left out, as if the bank had not seen it: a training
                image then scores like a new one (leave-one-out). None leaves out nothing.

        Returns:
            Distances, float32 (B, H/8, W/8), at least 0, and the index of the nearest patch, int64 of the same shape.
        """
        features = self.layers.describe(pyramid)
        batch, channels, height, width = features.shape
        norms = self.patches.square().sum(dim=1)
        distances, places = [], []
        # An image by itself, so that its neighbours in a batch change nothing, and a few rows at a time.
        for index, image in enumerate(features.permute(0, 2, 3, 1).reshape(batch, height * width, channels)):
            standardised = (image - self.mean) / self.deviation
            seen = norms if without is None else norms.masked_fill(self.sources == without[index], torch.inf)
            found = [torch.addmm(seen, rows, self.patches.T, alpha=-2).min(dim=1) for rows in standardised.split(ROWS)]
            least = torch.cat([part.values for part in found]) + standardised.square().sum(dim=1)
            distances.append(least.clamp_min(0).sqrt())
            places.append(torch.cat([part.indices for part in found]))
        shape = (batch, height, width)
        return torch.stack(distances).view(shape), torch.stack(places).view(shape)

    def to(self, device: torch.device | str) -> MemoryBank:
        """Move to a device."""
        mean, deviation, patches, sources = (
            tensor.to(device) for tensor in (self.mean, self.deviation, self.patches, self.sources)
        )
        normal = self.normal.to(device) if self.normal else None
        return MemoryBank(self.layers, mean, deviation, patches, sources, normal)

    def tensors(self) -> dict[str, Tensor]:
        """Flat tensors for the model folder."""
        return {
            "mean": self.mean,
            "deviation": self.deviation,
            "patches": self.patches.half().contiguous(),
            "sources": self.sources,
            **(self.normal.tensors() if self.normal else {}),
        }

    @classmethod
    def from_tensors(cls, name: str, tensors: Mapping[str, Tensor]) -> MemoryBank:
        """Rebuild what `tensors` stored; `name` is a key of `MEMORY_LAYERS`."""
        stored = (tensors["mean"], tensors["deviation"], tensors["patches"].float(), tensors["sources"])
        return cls(MEMORY_LAYERS[name], *stored, NormalDistances.from_tensors(tensors))


class MemoryBankFit:
    """Draws patches evenly from all normal images and keeps those that cover the rest best (greedy k-centre).

    At most 25 M patches of each memory bank are held while fitting, whatever the number of images.

    Args:
        layer_sets: What describes a patch, a memory bank for each; all see the images in one pass.
        images: How many images will come altogether.
        size: Patches to keep, M.
        seed: Random seed for sampling.
    """

    def __init__(self, layer_sets: Mapping[str, PatchLayers], images: int, size: int, seed: int) -> None:
        self._layer_sets, self._size, self._seed = layer_sets, size, seed
        self._generators = {name: torch.Generator().manual_seed(seed) for name in layer_sets}
        self._per_image = max(1, -(-POOL_FACTOR * size // max(1, images)))
        self._drawn: dict[str, list[Tensor]] = {name: [] for name in layer_sets}
        self._sources: dict[str, list[Tensor]] = {name: [] for name in layer_sets}

    def add(self, groups: Sequence[int], pyramid: Sequence[Tensor]) -> None:
        """Draw from the next images: their groups, and the stages of the backbone, (B, C_s, H/s, W/s)."""
        for name, layers in self._layer_sets.items():
            # Patches of an image: (h * w, C).
            for group, image in zip(groups, layers.describe(pyramid).flatten(2).transpose(1, 2), strict=True):
                chosen = torch.randperm(len(image), generator=self._generators[name])[: self._per_image]
                self._drawn[name].append(image[chosen])
                self._sources[name].append(torch.full((len(chosen),), group, device=image.device))

    def build(self) -> dict[str, MemoryBank]:
        """The memory banks, on the pyramids' device; what was drawn is given up."""
        return {
            name: _coreset(
                layers, torch.cat(self._drawn.pop(name)), torch.cat(self._sources.pop(name)), self._size, self._seed
            )
            for name, layers in self._layer_sets.items()
        }


def with_normal_distances(
    banks: Mapping[str, MemoryBank], pyramids: Iterable[tuple[Sequence[int], Sequence[Tensor]]]
) -> dict[str, MemoryBank]:
    """Teach memory banks how far normal patches usually lie from each of theirs.

    Args:
        banks: All look at the images in one pass.
        pyramids: A batch at a time the group of each normal image, whose own patches are left out, and the stages.
    """
    fits = {name: NormalDistancesFit(bank.patches) for name, bank in banks.items()}
    for groups, pyramid in pyramids:
        for name, bank in banks.items():
            fits[name].add(*bank.nearest(pyramid, groups))
    return {name: replace(bank, normal=fits[name].build()) for name, bank in banks.items()}


def _coreset(layers: PatchLayers, pool: Tensor, sources: Tensor, size: int, seed: int) -> MemoryBank:
    mean, deviation = pool.mean(dim=0), pool.std(dim=0, correction=0)
    deviation = deviation.clamp_min(max(1e-6, LEAST_RELATIVE_DEVIATION * float(deviation.mean())))
    pool = (pool - mean) / deviation
    kept = _greedy_k_centre(pool, size, seed)
    return MemoryBank(layers, mean, deviation, pool[kept], sources[kept])


def _greedy_k_centre(points: Tensor, size: int, seed: int) -> Tensor:
    """Indices of `size` points, each the farthest from those before it."""
    if len(points) <= size:
        return torch.arange(len(points), device=points.device)
    if points.shape[1] > PROJECTED:
        points = points @ orthogonal_projection(points.shape[1], PROJECTED, seed).to(points.device).T
    norms = points.square().sum(dim=1)
    distances = torch.full((len(points),), torch.inf, device=points.device)
    chosen = torch.zeros(size, dtype=torch.long, device=points.device)
    known, found = 0, 1
    while found < size:
        _bring_near(distances, points, norms, chosen[known:found])
        known = found
        # Distances only shrink: while one of these is as far as the rest was, it is the farthest of all.
        farthest = distances.topk(min(CANDIDATES, len(points)))
        limit = farthest.values[-1] if len(farthest.values) < len(points) else -torch.inf
        candidates = farthest.indices.sort().values
        near, rows, squares = distances[candidates], points[candidates], norms[candidates]
        while found < size:
            best = int(near.argmax())
            if near[best] < limit:
                break
            chosen[found] = candidates[best]
            found += 1
            torch.minimum(near, squares + squares[best] - 2 * (rows @ rows[best]), out=near)
    return chosen


def _bring_near(distances: Tensor, points: Tensor, norms: Tensor, chosen: Tensor) -> None:
    """Lower the squared distance of each point, (N,), in place, to that of the nearest chosen one."""
    centres, squares = points[chosen], norms[chosen]
    for start in range(0, len(points), ROWS):
        part = slice(start, start + ROWS)
        nearest = torch.addmm(squares, points[part], centres.T, alpha=-2).amin(dim=1) + norms[part]
        torch.minimum(distances[part], nearest, out=distances[part])
