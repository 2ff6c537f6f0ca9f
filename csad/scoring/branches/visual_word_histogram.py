"""Branch: how much of each visual word an image and its cells hold; needs no components (ours, beside paper 3.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from csad.config.settings import HistogramSettings
from csad.features.codebook import Codebook, fit_codebook
from csad.scoring.branches.class_histograms import HistogramCollector, grid_columns, out_of_fold_columns
from csad.scoring.branches.observer import Observer, OutOfFold
from csad.scoring.branches.protocol import BatchFeatures, Branch, Loading, ModelOutputs
from csad.scoring.branches.registry import register
from csad.scoring.branches.training import Training
from csad.scoring.histogram import PatchHistogram
from csad.scoring.named_tensors import flat, part_of

SCORE = "words"


@register
@dataclass(frozen=True)
class VisualWordBranch(Branch):
    """Soft assignment of teacher features to visual words. Output: float32 (B, W + 1, r, c), the first class empty.

    Attributes:
        codebook: The visual words.
        settings: How fractions are counted.
        histogram: Gaussians of each grid; None before all training images were observed.
    """

    kind: ClassVar[str] = "visual_word_histogram"
    scores: ClassVar[tuple[str, ...]] = (SCORE,)
    group: ClassVar[str] = "histogram"
    rank: ClassVar[int] = 10

    codebook: Codebook
    settings: HistogramSettings
    histogram: PatchHistogram | None = None

    @classmethod
    def fit(cls, training: Training) -> Self | None:
        """Cluster teacher features; None with `histogram.codebook_size: 0`."""
        settings = training.line.histogram
        if not settings.codebook_size:
            return None
        features = training.teacher_features()
        codebook = fit_codebook(features, len(training.images), settings.codebook_size, training.seed)
        return cls(codebook.to(training.device), settings)

    def observer(self, training: Training) -> Observer:
        """Counts words in the training images and in copies of some."""
        return _VisualWordObserver(self, training)

    def forward(self, batch: BatchFeatures) -> ModelOutputs:
        """Assign features to words."""
        return {SCORE: self.codebook.assign(batch.teacher)}

    def columns(self, outputs: ModelOutputs) -> dict[str, Tensor]:
        """A column per grid."""
        return grid_columns(SCORE, self.histogram, outputs[SCORE]) if self.histogram else {}

    def for_export(self, levels: Mapping[str, float]) -> Branch:
        """With Gaussians in single precision."""
        return replace(self, histogram=self.histogram.in_single_precision()) if self.histogram else self

    def to(self, device: torch.device | str) -> Self:
        """Move the codebook."""
        return replace(self, codebook=self.codebook.to(device))

    def tensors(self) -> dict[str, Tensor]:
        """Codebook and Gaussians."""
        parts: dict[str, Mapping[str, Tensor]] = {"codebook": self.codebook.tensors()}
        if self.histogram:
            parts["histogram"] = self.histogram.tensors()
        return flat(**parts)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], loading: Loading) -> Self:
        """Rebuild what `tensors` stored."""
        settings = loading.line.histogram
        histogram = PatchHistogram.from_tensors(part_of(tensors, "histogram"), settings)
        return cls(Codebook.from_tensors(part_of(tensors, "codebook")), settings, histogram)


class _VisualWordObserver(Observer):
    def __init__(self, branch: VisualWordBranch, training: Training) -> None:
        super().__init__(branch)
        self.copies = branch.settings.copies
        self._own = branch
        self._types = training.types
        self._counted = HistogramCollector(branch.settings)

    def add(self, outputs: ModelOutputs) -> None:
        self._counted.add(outputs[SCORE])

    def add_copies(self, outputs: ModelOutputs, images: Sequence[int]) -> None:
        self._counted.add_copies(outputs[SCORE], images)

    def fitted(self) -> Branch:
        return replace(self._own, histogram=self._counted.collected().fit(self._types, self._own.settings))

    def out_of_fold(self, folds: NDArray[np.int64], chosen: Sequence[int]) -> OutOfFold | None:
        counted = self._counted.collected()
        return out_of_fold_columns(SCORE, counted, self._own.settings, self._types, folds, chosen)
