"""What the component histogram says of an image: what is missing or extra, and where (paper 3.5, appendix D)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from csad.config.settings import HistogramSettings
from csad.imaging.resampling import bilinear
from csad.scoring.component_statistics import ComponentStatistics
from csad.scoring.explainers.protocol import Explanation, Floats, Outputs
from csad.scoring.explanations import describe
from csad.scoring.mean_localisation import histogram_map, nearest_normal
from csad.scoring.named_tensors import part_of

CELL = 4
"""Pixels of the input per cell of the class probabilities."""


@dataclass(frozen=True)
class ComponentExplainer:
    """Compares class probabilities, "components" (B, K + 1, h, w), with what normal products hold.

    Attributes:
        component_statistics: Usual fractions and label maps.
        settings: How fractions are counted.
    """

    kind: ClassVar[str] = "component_histogram"
    scores: ClassVar[tuple[str, ...]] = ("components",)
    averaged: ClassVar[bool] = True

    component_statistics: ComponentStatistics
    settings: HistogramSettings

    def average_map(self, outputs: Outputs, index: int) -> Floats:
        """Differences from the nearest normal image's histograms, float32 (h, w) or (H, W)."""
        probabilities = outputs[self.scores[0]][index]
        labels = self._counted(probabilities).argmax(axis=0)
        classes = len(probabilities)
        normal = nearest_normal(labels, self.component_statistics.reference_label_maps, classes)
        return histogram_map(labels, normal, classes, self.settings.grids)

    def explain(self, outputs: Outputs, index: int) -> Explanation:
        """Name the components of which there is an unusual amount, and show where."""
        probabilities = outputs[self.scores[0]][index]
        deviations = self.component_statistics.deviations(probabilities)
        heat = self.component_statistics.heat(probabilities, deviations) if deviations else None
        return Explanation(describe(deviations), heat)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], settings: HistogramSettings) -> Self:
        """Read its part of what the branch stored.

        Raises:
            KeyError: An array is missing.
        """
        return cls(ComponentStatistics.from_arrays(part_of(arrays, "component_statistics")), settings)

    def _counted(self, probabilities: Floats) -> Floats:
        """Class probabilities (K + 1, h, w) at the resolution at which classes are counted."""
        if self.settings.resolution != "input":
            return probabilities
        height, width = probabilities.shape[1:]
        return np.asarray(bilinear(probabilities, (height * CELL, width * CELL)))
