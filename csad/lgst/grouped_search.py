"""Search of a memory bank (PatchCore, arXiv:2106.08265) in operations that exported graphs have and that are fast."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from csad.lgst.memory_bank import ROWS, MemoryBank

GROUP = 16
"""Patches of a group; the nearest group is found first, and then the nearest of its patches."""


class GroupedSearch:
    """The search of a memory bank for an exported graph: the nearest group of 16 patches, then the nearest of those.

    Runtimes find where the smallest of many values stands slowly, and the smallest value of each group quickly; the
    result is the same.

    Args:
        memory: The memory bank, with its normal distances.
    """

    def __init__(self, memory: MemoryBank) -> None:
        if memory.normal is None:
            raise ValueError("the memory bank does not know its normal distances; call with_normal_distances first")
        # The last group is filled up with patches that are held already, which changes no distance.
        rows = torch.arange(-(-len(memory.patches) // GROUP) * GROUP) % len(memory.patches)
        patches = memory.patches[rows]
        self._memory = memory
        norms = patches.square().sum(dim=1, keepdim=True)
        self._bank = torch.cat([-2 * patches, norms], dim=1).T.contiguous()  # (C + 1, M)
        self._mean, self._deviation = memory.normal.mean[rows], memory.normal.deviation[rows]

    def deviation_map(self, pyramid: Sequence[Tensor]) -> Tensor:
        """The same as `MemoryBank.deviation_map` gives: (B, C_s, H/s, W/s) -> float32 (B, H/8, W/8)."""
        features = self._memory.layers.describe(pyramid)
        batch, channels, height, width = features.shape
        standardised = features.permute(0, 2, 3, 1).reshape(batch, height * width, channels)
        standardised = (standardised - self._memory.mean) / self._memory.deviation
        found = [self.deviations_of(rows) for rows in torch.split(standardised, ROWS, dim=1)]
        return torch.cat(found, dim=1).reshape(batch, height, width)

    def deviations_of(self, patches: Tensor) -> Tensor:
        """Deviations of the distances of standardised patches to the nearest, (B, n, C) -> (B, n)."""
        # The norms are a part of the product: adding them takes a pass over all that are compared.
        compared = torch.matmul(torch.cat([patches, torch.ones_like(patches[:, :, :1])], dim=2), self._bank)
        grouped = compared.reshape(compared.shape[0], compared.shape[1], -1, GROUP)  # (B, n, M / 16, 16)
        least = grouped.amin(dim=3)  # (B, n, M / 16)
        group = least.argmin(dim=2, keepdim=True)  # (B, n, 1)
        members = grouped.gather(2, group.unsqueeze(3).expand(-1, -1, -1, GROUP))  # (B, n, 1, 16)
        nearest = group.squeeze(2) * GROUP + members.argmin(dim=3).squeeze(2)
        return self.deviations(least.amin(dim=2) + patches.square().sum(dim=2), nearest)

    def deviations(self, squares: Tensor, nearest: Tensor) -> Tensor:
        """Deviations of squared distances, and of the same shape the indices of the patches that they lead to."""
        return (squares.clamp_min(0).sqrt() - self._mean[nearest]) / self._deviation[nearest]
