"""What a user sees of an image beside its score: the anomaly map and explanations, from what a runtime computed.

The map is that of paper 3.5, or ours: see `csad.scoring.localisation`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from csad.config.line import ProductLine
from csad.lgst.maps import MapNormaliser
from csad.scoring.localisation import anomaly_map, normal_tail
from csad.scoring.mean_localisation import lgst_map, mean_map, normal_tail_of_mean

if TYPE_CHECKING:
    from csad.scoring.explainers import Explainer
    from csad.scoring.model_folder import Manifest
    from csad.scoring.runtimes.protocol import Runtime, RuntimeOutputs

MAP_STRIDE = 4
"""Canvas pixels per cell of the anomaly map before it is brought back to the image."""

WEIGHTED, AVERAGE = "weighted", "average"


@dataclass(frozen=True, eq=False)
class Rendered:
    """What is seen of one image.

    Attributes:
        map: Where it is unusual, float32 (h / 4, w / 4) of the canvas; at least 0 unless maps are averaged.
        explanations: What is unusual about the components, a sentence each, worst first.
    """

    map: NDArray[np.float32]
    explanations: tuple[str, ...]


@dataclass(frozen=True)
class Renderer:
    """Draws and explains what a runtime computed.

    Attributes:
        maps: How maps become one, as `fusion.maps` has it.
        scales: Scale of each map.
        weights: Fusion weight of each score.
        size: Height and width of the drawn map.
        explainers: What says more of an image than its score.
        on_scale: Names of the maps that need no change of scale.
    """

    maps: str
    scales: Mapping[str, MapNormaliser]
    weights: Mapping[str, float]
    size: tuple[int, int]
    explainers: Sequence[Explainer]
    on_scale: Collection[str]

    @classmethod
    def of_model(cls, manifest: Manifest, runtime: Runtime) -> Self:
        """Take a model's scales and weights, and what explains its scores in a runtime."""
        return cls(
            ProductLine.from_model(manifest.line).fusion.maps,
            {name: MapNormaliser(*quantiles) for name, quantiles in manifest.map_scale.items()},
            manifest.fusion.weights,
            map_size(manifest.canvas.height, manifest.canvas.width),
            runtime.explainers,
            runtime.on_scale,
        )

    @property
    def normal_tail(self) -> float:
        """What the upper tail of normal images' cells reaches on the map of a score; above 0."""
        if self.maps != WEIGHTED:
            return normal_tail_of_mean(alone=not self._averages)
        return normal_tail(self.scales, self.weights)

    def render(self, found: RuntimeOutputs, index: int) -> Rendered:
        """Draw and explain one image of a batch."""
        said = {explainer.scores[0]: explainer.explain(found.outputs, index) for explainer in self.explainers}
        explanations = tuple(sentence for one in said.values() for sentence in one.sentences)
        maps = {name: values[index] for name, values in found.maps.items()}
        if self.maps == WEIGHTED:
            heats = {name: one.heat for name, one in said.items() if one.heat is not None}
            return Rendered(anomaly_map(maps, heats, self.scales, self.weights, self.size), explanations)
        others = []
        if self._averages:
            averaged = (explainer.average_map(found.outputs, index) for explainer in self.explainers)
            others = [values for values in averaged if values is not None]
        return Rendered(mean_map(lgst_map(maps, self.scales, self.on_scale), others, self.size), explanations)

    @property
    def _averages(self) -> bool:
        """Whether the map is the mean of the students' and of others."""
        return self.maps == AVERAGE and any(explainer.averaged for explainer in self.explainers)


def map_size(height: int, width: int) -> tuple[int, int]:
    """Height and width of the map of a canvas."""
    return height // MAP_STRIDE, width // MAP_STRIDE
