"""Branch: error of rebuilding the whole feature map from principal components: what is out of place (ours, for 3.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from csad.lgst.pca import PcaReconstruction
from csad.scoring.branches.observer import Observer, OutOfFold
from csad.scoring.branches.protocol import BatchFeatures, Branch, Loading, ModelOutputs
from csad.scoring.branches.reductions import maximum
from csad.scoring.branches.registry import register
from csad.scoring.branches.training import Training

SCORE = "global"


@register
@dataclass(frozen=True)
class PcaBranch(Branch):
    """The global student without training. Output: reconstruction error, float32 (B, r, c) of about 16 x 16 cells.

    Attributes:
        pca: Mean and principal components.
    """

    kind: ClassVar[str] = "pca_reconstruction"
    scores: ClassVar[tuple[str, ...]] = (SCORE,)
    group: ClassVar[str] = "lgst"
    rank: ClassVar[int] = 20

    pca: PcaReconstruction

    @classmethod
    def fit(cls, training: Training) -> Self | None:
        """Take the components that the lgst stage fitted; None where the line uses another global student."""
        return cls(training.lgst.pca) if training.lgst.pca else None

    def observer(self, training: Training) -> Observer:
        """Knows the scores that the lgst stage took by components without an image's fold."""
        return _OutOfFoldByStage(self, training.unseen)

    def forward(self, batch: BatchFeatures) -> ModelOutputs:
        """Rebuild the teacher's features."""
        return {SCORE: self.pca.error_map(batch.teacher)}

    def columns(self, outputs: ModelOutputs) -> dict[str, Tensor]:
        """The largest error."""
        return maximum(SCORE, outputs[SCORE])

    def maps(self, outputs: ModelOutputs) -> dict[str, Tensor]:
        """The error."""
        return {SCORE: outputs[SCORE]}

    def to(self, device: torch.device | str) -> Self:
        """Move the components."""
        return type(self)(PcaReconstruction(self.pca.mean.to(device), self.pca.components.to(device)))

    def tensors(self) -> dict[str, Tensor]:
        """Mean and components."""
        return self.pca.tensors()

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], loading: Loading) -> Self:
        """Rebuild what `tensors` stored."""
        return cls(PcaReconstruction.from_tensors(tensors))


class _OutOfFoldByStage(Observer):
    def __init__(self, branch: Branch, unseen: Mapping[str, Tensor]) -> None:
        super().__init__(branch)
        self._unseen = {name: values for name, values in unseen.items() if name.split("@")[0] in branch.scores}

    def out_of_fold(self, folds: NDArray[np.int64], chosen: Sequence[int]) -> OutOfFold | None:
        return {name: values.double().numpy() for name, values in self._unseen.items()} or None
