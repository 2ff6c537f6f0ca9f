"""Branch: how much of each component an image and its cells hold (paper 3.3, Eq. 4), and what is missing or extra."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from csad.config.settings import HistogramSettings
from csad.scoring.branches.class_histograms import HistogramCollector, grid_columns, out_of_fold_columns
from csad.scoring.branches.observer import Observer, OutOfFold
from csad.scoring.branches.protocol import BatchFeatures, Branch, Loading, ModelOutputs
from csad.scoring.branches.registry import register
from csad.scoring.branches.training import Training
from csad.scoring.component_statistics import ComponentStatistics
from csad.scoring.component_statistics_builder import ComponentStatisticsBuilder
from csad.scoring.explainers import ComponentExplainer, Explanation, Outputs
from csad.scoring.histogram import PatchHistogram
from csad.scoring.named_tensors import flat, part_of
from csad.segmentation.network import SegmentationNetwork, class_probabilities

(SCORE,) = ComponentExplainer.scores


@register
@dataclass(frozen=True)
class ComponentBranch(Branch):
    """Class fractions by the segmentation network. Output: class probabilities, float32 (B, K + 1, h/4, w/4).

    Attributes:
        network: Component segmentation.
        settings: How fractions are counted.
        histogram: Gaussians of each grid; None before all training images were observed.
        component_statistics: Usual fractions and label maps; None before all training images were observed.
    """

    kind: ClassVar[str] = ComponentExplainer.kind
    scores: ClassVar[tuple[str, ...]] = (SCORE,)
    group: ClassVar[str] = "histogram"
    rank: ClassVar[int] = 0
    averaged: ClassVar[bool] = True

    network: SegmentationNetwork
    settings: HistogramSettings
    histogram: PatchHistogram | None = None
    component_statistics: ComponentStatistics | None = None

    @classmethod
    def fit(cls, training: Training) -> Self | None:
        """Take the network of the segnet stage; None where the images share no components."""
        return cls(training.network, training.line.histogram) if training.network else None

    def observer(self, training: Training) -> Observer:
        """Counts components in the training images and in copies of some."""
        return _ComponentObserver(self, training)

    def forward(self, batch: BatchFeatures) -> ModelOutputs:
        """Segment: class probabilities, float32 (B, K + 1, h/4, w/4)."""
        return {SCORE: class_probabilities(self.network.decode(batch.pyramid))}

    def columns(self, outputs: ModelOutputs) -> dict[str, Tensor]:
        """A column per grid."""
        return grid_columns(SCORE, self.histogram, outputs[SCORE]) if self.histogram else {}

    def average_map(self, outputs: Outputs, index: int) -> NDArray[np.float32] | None:
        """Differences from the nearest normal image's histograms (paper 3.5, appendix D)."""
        return self._explainer.average_map(outputs, index) if self._explainer else None

    def explain(self, outputs: Outputs, index: int) -> Explanation:
        """Name the components of which there is an unusual amount, and show where."""
        return self._explainer.explain(outputs, index) if self._explainer else Explanation()

    @property
    def _explainer(self) -> ComponentExplainer | None:
        return ComponentExplainer(self.component_statistics, self.settings) if self.component_statistics else None

    def for_export(self, levels: Mapping[str, float]) -> Branch:
        """With Gaussians in single precision."""
        return replace(self, histogram=self.histogram.in_single_precision()) if self.histogram else self

    def to(self, device: torch.device | str) -> Self:
        """Move the network."""
        return replace(self, network=self.network.to(device))

    def tensors(self) -> dict[str, Tensor]:
        """Network, Gaussians and component statistics."""
        parts: dict[str, Mapping[str, Tensor]] = {"network": self.network.trainable_state()}
        if self.histogram:
            parts["histogram"] = self.histogram.tensors()
        if self.component_statistics:
            arrays = self.component_statistics.arrays()
            parts["component_statistics"] = {name: torch.from_numpy(value) for name, value in arrays.items()}
        return flat(**parts)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], loading: Loading) -> Self:
        """Rebuild what `tensors` stored."""
        state = part_of(tensors, "network")
        network = SegmentationNetwork(loading.backbone, len(state["head.bias"]) - 1)
        network.load_trainable_state(state)
        settings = loading.line.histogram
        return cls(
            network.eval(),
            settings,
            PatchHistogram.from_tensors(part_of(tensors, "histogram"), settings),
            ComponentStatistics.from_arrays(
                {name: value.numpy() for name, value in part_of(tensors, "component_statistics").items()}
            ),
        )


class _ComponentObserver(Observer):
    def __init__(self, branch: ComponentBranch, training: Training) -> None:
        super().__init__(branch)
        self.copies = branch.settings.copies
        self._own = branch
        self._types = training.types
        self._counted = HistogramCollector(branch.settings)
        self._statistics = ComponentStatisticsBuilder(len(training.images))

    def add(self, outputs: ModelOutputs) -> None:
        self._statistics.add(outputs[SCORE])
        self._counted.add(outputs[SCORE])

    def add_copies(self, outputs: ModelOutputs, images: Sequence[int]) -> None:
        self._counted.add_copies(outputs[SCORE], images)

    def fitted(self) -> Branch:
        histogram = self._counted.collected().fit(self._types, self._own.settings)
        return replace(self._own, histogram=histogram, component_statistics=self._statistics.build(self._types))

    def out_of_fold(self, folds: NDArray[np.int64], chosen: Sequence[int]) -> OutOfFold | None:
        counted = self._counted.collected()
        return out_of_fold_columns(SCORE, counted, self._own.settings, self._types, folds, chosen)
