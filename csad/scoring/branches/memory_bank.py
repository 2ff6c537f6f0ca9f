"""Branch: distance of each patch to the nearest normal one, against what is usual there (ours, after PatchCore).

One memory bank per view of `csad.lgst.memory_bank.VIEWS`, a score each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from csad.lgst.grouped_search import GroupedSearch
from csad.lgst.memory_bank import VIEWS, MemoryBank
from csad.scoring.branches.observer import LeaveOneOut, Observer
from csad.scoring.branches.protocol import BatchFeatures, Branch, Loading, ModelOutputs
from csad.scoring.branches.reductions import top_mean
from csad.scoring.branches.registry import register
from csad.scoring.branches.training import Training
from csad.scoring.named_tensors import flat, part_of


@register
@dataclass(frozen=True)
class MemoryBank(Branch):
    """The local student without training. Outputs: deviations above the usual distance, float32 (B, h/8, w/8) a view.

    Attributes:
        memories: A memory bank per view.
    """

    kind: ClassVar[str] = "memory_bank"
    scores: ClassVar[tuple[str, ...]] = tuple(VIEWS)
    group: ClassVar[str] = "lgst"
    rank: ClassVar[int] = 40
    has_zero: ClassVar[bool] = False

    memories: Mapping[str, MemoryBank]

    @classmethod
    def fit(cls, training: Training) -> Self | None:
        """Take the memory banks of the lgst stage; None where the line uses another local student."""
        return cls(training.lgst.memories) if training.lgst.memories else None

    def observer(self, training: Training) -> Observer:
        """An image's own patches are left out, so that it scores like an unseen one."""
        return LeaveOneOut(self)

    def forward(self, batch: BatchFeatures) -> ModelOutputs:
        """Look up every patch."""
        return {name: memory.deviation_map(batch.pyramid, batch.left_out) for name, memory in self.memories.items()}

    def columns(self, outputs: ModelOutputs) -> dict[str, Tensor]:
        """The mean of the highest deviations, per view."""
        return {key: value for name in self.memories for key, value in top_mean(name, outputs[name]).items()}

    def maps(self, outputs: ModelOutputs) -> dict[str, Tensor]:
        """The deviations."""
        return {name: outputs[name] for name in self.memories}

    def for_export(self) -> Branch:
        """Searches a whole batch at once."""
        return _GroupedMemoryBank(self.memories)

    def to(self, device: torch.device | str) -> Self:
        """Move all memory banks."""
        return type(self)({name: memory.to(device) for name, memory in self.memories.items()})

    def tensors(self) -> dict[str, Tensor]:
        """All memory banks."""
        return flat(**{name: memory.tensors() for name, memory in self.memories.items()})

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], loading: Loading) -> Self:
        """Rebuild what `tensors` stored."""
        stored = {name: part_of(tensors, name) for name in VIEWS}
        return cls({name: MemoryBank.from_tensors(name, memory) for name, memory in stored.items() if memory})


class _GroupedMemoryBank(MemoryBank):
    def forward(self, batch: BatchFeatures) -> ModelOutputs:
        searches = {name: GroupedSearch(memory) for name, memory in self.memories.items()}
        return {name: search.deviation_map(batch.pyramid) for name, search in searches.items()}
