"""Search of a memory bank in two steps: what a map shows and a score counts is exact, the rest is cheap (ours).

A map starts at the deviation that a tenth of normal patches exceed (`MapNormaliser.low`), and a score is the mean of
the highest cells. Which patches may exceed that level is found on bounds: the candidates of four neighbouring patches
are the patches of the bank that a projection on principal components lets be nearest to their mean. The distance to
the nearest candidate is never less than that to the nearest of all. Patches that exceed the level by it are then
compared with the whole bank; all others stay below it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from csad.lgst.grouped_search import GroupedSearch
from csad.lgst.memory_bank import MemoryBank

COMPONENTS = 46
"""Principal components in which the mean of neighbouring patches is compared with the bank."""

CANDIDATES = 16
"""Patches of the bank that neighbouring patches are compared with first, and that the bank is divided by."""

MARGIN = 0.2
"""Deviations below the level from which on patches are compared with the whole bank: the nearest candidate may be
another patch than the nearest of all, and its normal distances differ a little."""

LEAST_FRACTION = 0.04
"""Fraction of the patches that are always compared with the whole bank, the highest: a score is the mean of the highest
hundredth."""

SIDE = 2
"""Neighbouring patches, (2, 2), that share their candidates."""


class TwoStepSearch:
    """The search of a memory bank for an exported graph.

    Args:
        memory: The memory bank, with its normal distances.
        level: Deviation below which the map shows nothing.
    """

    def __init__(self, memory: MemoryBank, level: float) -> None:
        self._memory = memory
        self._whole = GroupedSearch(memory)
        self._level = level - MARGIN
        self._centre = memory.patches.mean(dim=0)
        centred = memory.patches - self._centre
        components = torch.linalg.svd(centred, full_matrices=False).Vh[:COMPONENTS].T  # (C, k)
        self._components = components
        self._bounds = self._against(centred @ components, centred)  # (k + 2, M)
        self._norms = memory.patches.square().sum(dim=1)  # (M,)

    def deviation_map(self, pyramid: Sequence[Tensor]) -> Tensor:
        """The deviations of `MemoryBank.deviation_map` where they exceed the level, float32 (B, H/8, W/8)."""
        features = self._memory.layers.describe(pyramid)
        batch, channels, height, width = features.shape
        if height % SIDE or width % SIDE or len(self._memory.patches) < CANDIDATES**2:
            return self._whole.deviation_map(pyramid)
        rows, columns = height // SIDE, width // SIDE
        blocks = features.reshape(batch, channels, rows, SIDE, columns, SIDE).permute(0, 2, 4, 3, 5, 1)
        blocks = blocks.reshape(batch, rows * columns, SIDE * SIDE, channels)
        blocks = (blocks - self._memory.mean) / self._memory.deviation
        bounds = self._to_candidates(blocks).reshape(batch, -1)  # (B, n)
        deviations = self._exactly(blocks.reshape(-1, channels), bounds)
        grid = deviations.reshape(batch, rows, columns, SIDE, SIDE).permute(0, 1, 3, 2, 4)
        return grid.reshape(batch, height, width)

    def _against(self, projected: Tensor, centred: Tensor) -> Tensor:
        """What projections (M, k) of the centred bank (M, C) are multiplied by, less what all share: (k + 2, M)."""
        norms = centred.square().sum(dim=1, keepdim=True)  # (M, 1)
        return torch.cat([-2 * projected, -2 * self._rest(projected, norms), norms], dim=1).T.contiguous()

    @staticmethod
    def _rest(projected: Tensor, norms: Tensor) -> Tensor:
        """Length of what a projection (..., k) leaves out of a vector of squared length `norms`, (..., 1)."""
        return (norms - projected.square().sum(dim=-1, keepdim=True)).clamp_min(0).sqrt()

    def _to_candidates(self, blocks: Tensor) -> Tensor:
        """Deviations of the distances to the nearest candidates, (B, b, 4, C) -> (B, b, 4)."""
        candidates = self._candidates(blocks.mean(dim=2))  # (B, b, c)
        patches = self._memory.patches[candidates]  # (B, b, c, C)
        products = torch.matmul(blocks, patches.transpose(2, 3))  # (B, b, 4, c)
        compared = self._norms[candidates].unsqueeze(2) - 2 * products
        least, places = compared.min(dim=3)
        nearest = candidates.gather(2, places)  # (B, b, 4)
        return self._whole.deviations(least + blocks.square().sum(dim=3), nearest)

    def _candidates(self, means: Tensor) -> Tensor:
        """The patches of the bank that are least far by a lower bound of the distance, (B, b, C) -> int64 (B, b, c).

        For projections p and what they leave out, r: |x - y|^2 >= |p_x - p_y|^2 + (|r_x| - |r_y|)^2.
        """
        centred = means - self._centre
        projected = torch.matmul(centred, self._components)
        norms = centred.square().sum(dim=2, keepdim=True)
        of_means = torch.cat([projected, self._rest(projected, norms), torch.ones_like(norms)], dim=2)
        bounds = torch.matmul(of_means, self._bounds)  # (B, b, M)
        return _least(bounds, CANDIDATES)

    def _exactly(self, patches: Tensor, bounds: Tensor) -> Tensor:
        """Replace the bounds (B, n) of patches (B * n, C) that may exceed the level: (B * n)."""
        least = max(1, round(LEAST_FRACTION * bounds.shape[1]))
        lowest = bounds.topk(least, dim=1).values[:, -1:].clamp_max(self._level)
        flat = bounds.reshape(-1)
        chosen = (bounds >= lowest).reshape(-1).nonzero().squeeze(1)
        return flat.scatter(0, chosen, self._whole.deviations_of(patches[chosen].unsqueeze(0)).squeeze(0))


def _least(values: Tensor, count: int) -> Tensor:
    """Indices of the `count` smallest of (B, b, M), by way of groups, which runtimes sort faster: (B, b, count)."""
    size = values.shape[2]
    groups = size // count
    grouped = values[:, :, : groups * count].reshape(values.shape[0], values.shape[1], groups, count)
    chosen = grouped.amin(dim=3).topk(count, dim=2, largest=False, sorted=False).indices  # (B, b, count)
    members = (chosen.unsqueeze(3) * count + torch.arange(count)).flatten(2)  # (B, b, count * count)
    best = values.gather(2, members).topk(count, dim=2, largest=False, sorted=False).indices
    return members.gather(2, best)
