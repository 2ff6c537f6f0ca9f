"""Search of a memory bank (PatchCore, arXiv:2106.08265) in operations that exported graphs have and that are fast."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from csad.lgst.memory_bank import ROWS, MemoryBank

GROUPS = 16
"""Groups of patches whose nearest are found side by side."""


class GroupedSearch:
    """The search of a memory bank for an exported graph: the nearest patch of each of 16 groups, then of those.

    Runtimes find the smallest of many in one dimension slowly, and side by side in 16 quickly; the result is the same.

    Args:
        memory: The memory bank, with its normal distances.
    """

    def __init__(self, memory: MemoryBank) -> None:
        if memory.normal is None:
            raise ValueError("the memory bank does not know its normal distances; call with_normal_distances first")
        # The last group is filled up with patches that are held already, which changes no distance.
        rows = torch.arange(-(-len(memory.patches) // GROUPS) * GROUPS) % len(memory.patches)
        patches = memory.patches[rows]
        self._memory = memory
        self._bank = -2 * patches.T.contiguous()  # (C, M)
        self._norms = patches.square().sum(dim=1)  # (M,)
        self._mean, self._deviation = memory.normal.mean[rows], memory.normal.deviation[rows]

    def deviation_map(self, pyramid: Sequence[Tensor]) -> Tensor:
        """The same as `MemoryBank.deviation_map` gives: (B, C_s, H/s, W/s) -> float32 (B, H/8, W/8)."""
        features = self._memory.layers.describe(pyramid)
        batch, channels, height, width = features.shape
        standardised = features.permute(0, 2, 3, 1).reshape(batch, height * width, channels)
        standardised = (standardised - self._memory.mean) / self._memory.deviation
        found = [self._deviations(rows) for rows in torch.split(standardised, ROWS, dim=1)]
        return torch.cat(found, dim=1).reshape(batch, height, width)

    def _deviations(self, rows: Tensor) -> Tensor:
        """Deviations of the distances of standardised patches, (B, n, C) -> (B, n)."""
        compared = torch.matmul(rows, self._bank) + self._norms  # (B, n, M)
        grouped = compared.reshape(compared.shape[0], rows.shape[1], -1, GROUPS)  # (B, n, M / 16, 16)
        least, places = grouped.amin(dim=2), grouped.argmin(dim=2)  # (B, n, 16)
        group = least.argmin(dim=2, keepdim=True)  # (B, n, 1)
        nearest = (places.gather(2, group) * GROUPS + group).squeeze(2)  # (B, n)
        distances = (least.amin(dim=2) + rows.square().sum(dim=2)).clamp_min(0).sqrt()
        return (distances - self._mean[nearest]) / self._deviation[nearest]
