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
from csad.scoring.branches.named_tensors import flat, part_of
from csad.scoring.branches.observer import Observer, OutOfFold
from csad.scoring.branches.protocol import BatchFeatures, Branch, Explanation, Loading, ModelOutputs
from csad.scoring.branches.registry import register
from csad.scoring.branches.training import Training
from csad.scoring.component_statistics import ComponentStatistics, ComponentStatisticsBuilder
from csad.scoring.explanations import describe
from csad.scoring.histogram import PatchHistogram, counted_map
from csad.scoring.mean_localisation import histogram_map, nearest_normal
from csad.segmentation.network import SegmentationNetwork, class_probabilities

SCORE = "components"


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

    kind: ClassVar[str] = "component_histogram"
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

    def average_map(self, outputs: ModelOutputs, index: int) -> Tensor | None:
        """Differences from the nearest normal image's histograms (paper 3.5, appendix D)."""
        if self.component_statistics is None:
            return None
        probabilities = outputs[SCORE]
        labels = counted_map(probabilities[index : index + 1], self.settings).argmax(dim=1)[0]
        classes = probabilities.shape[1]
        normal = nearest_normal(labels, self.component_statistics.reference_label_maps, classes)
        return histogram_map(labels, normal, classes, self.settings.grids)

    def explain(self, outputs: ModelOutputs, index: int) -> Explanation:
        """Name the components of which there is an unusual amount, and show where."""
        if self.component_statistics is None:
            return Explanation()
        probabilities = outputs[SCORE][index]
        deviations = self.component_statistics.deviations(probabilities)
        heat = self.component_statistics.heat(probabilities, deviations) if deviations else None
        return Explanation(describe(deviations), heat)

    def to(self, device: torch.device | str) -> Self:
        """Move the network."""
        return replace(self, network=self.network.to(device))

    def tensors(self) -> dict[str, Tensor]:
        """Network, Gaussians and component statistics."""
        parts: dict[str, Mapping[str, Tensor]] = {"network": self.network.trainable_state()}
        if self.histogram:
            parts["histogram"] = self.histogram.tensors()
        if self.component_statistics:
            parts["component_statistics"] = self.component_statistics.tensors()
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
            ComponentStatistics.from_tensors(part_of(tensors, "component_statistics")),
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
