"""Branch: distance of each patch to the nearest normal one, against what is usual there (ours, after PatchCore).

One memory bank for each of `csad.lgst.memory_bank.MEMORY_LAYERS`, a score each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from csad.lgst.grouped_search import GroupedSearch
from csad.lgst.memory_bank import MEMORY_LAYERS, MemoryBank
from csad.lgst.two_step_search import TwoStepSearch
from csad.scoring.branches.observer import LeaveOneOut, Observer
from csad.scoring.branches.protocol import BatchFeatures, Branch, Loading, ModelOutputs
from csad.scoring.branches.reductions import top_mean
from csad.scoring.branches.registry import register
from csad.scoring.branches.training import Training
from csad.scoring.named_tensors import flat, part_of


@register
@dataclass(frozen=True)
class MemoryBankBranch(Branch):
    """The local student without training. Outputs: deviations above the usual distance, float32 (B, h/8, w/8) a bank.

    Attributes:
        memory_banks: One for each of the layers.
    """

    kind: ClassVar[str] = "memory_bank"
    scores: ClassVar[tuple[str, ...]] = tuple(MEMORY_LAYERS)
    group: ClassVar[str] = "lgst"
    rank: ClassVar[int] = 40
    has_zero: ClassVar[bool] = False

    memory_banks: Mapping[str, MemoryBank]

    @classmethod
    def fit(cls, training: Training) -> Self | None:
        """Take the memory banks of the lgst stage; None where the line uses another local student."""
        return cls(training.lgst.memory_banks) if training.lgst.memory_banks else None

    def observer(self, training: Training) -> Observer:
        """An image's own patches are left out, so that it scores like an unseen one."""
        return LeaveOneOut(self)

    def forward(self, batch: BatchFeatures) -> ModelOutputs:
        """Look up every patch."""
        return {name: bank.deviation_map(batch.pyramid, batch.left_out) for name, bank in self.memory_banks.items()}

    def columns(self, outputs: ModelOutputs) -> dict[str, Tensor]:
        """The mean of the highest deviations, per bank."""
        return {key: value for name in self.memory_banks for key, value in top_mean(name, outputs[name]).items()}

    def maps(self, outputs: ModelOutputs) -> dict[str, Tensor]:
        """The deviations."""
        return {name: outputs[name] for name in self.memory_banks}

    def for_export(self, levels: Mapping[str, float]) -> Branch:
        """Searches a whole batch at once, and compares patches that stay below a level with a part of the bank."""
        searches = {
            name: TwoStepSearch(bank, levels[name]) if name in levels else GroupedSearch(bank)
            for name, bank in self.memory_banks.items()
        }
        return _SearchedMemoryBankBranch(self.memory_banks, searches)

    def to(self, device: torch.device | str) -> Self:
        """Move all memory banks."""
        return type(self)({name: bank.to(device) for name, bank in self.memory_banks.items()})

    def tensors(self) -> dict[str, Tensor]:
        """All memory banks."""
        return flat(**{name: bank.tensors() for name, bank in self.memory_banks.items()})

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], loading: Loading) -> Self:
        """Rebuild what `tensors` stored."""
        stored = {name: part_of(tensors, name) for name in MEMORY_LAYERS}
        return cls({name: MemoryBank.from_tensors(name, bank) for name, bank in stored.items() if bank})


@dataclass(frozen=True)
class _SearchedMemoryBankBranch(MemoryBankBranch):
    searches: Mapping[str, GroupedSearch | TwoStepSearch]

    def forward(self, batch: BatchFeatures) -> ModelOutputs:
        return {name: search.deviation_map(batch.pyramid) for name, search in self.searches.items()}
