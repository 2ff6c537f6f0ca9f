"""THE scoring path: images in, scores, maps and explanations out. Evaluation, batch scoring and serving all call it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from csad.common.errors import ImageError, ModelFolderError
from csad.compute.device import check_device
from csad.config.line import ProductLine
from csad.features.backbone import WeightsRecord, backbone_from_tensors
from csad.features.codebook import Codebook
from csad.imaging.canvas import Canvas, to_tensor
from csad.lgst.fit import LgstModel
from csad.lgst.maps import MapNormaliser
from csad.scoring.branches import AnomalyModel, Histograms, ModelOutputs, raw_scores
from csad.scoring.component_statistics import ComponentStatistics
from csad.scoring.explanations import describe
from csad.scoring.histogram import PatchHistogram
from csad.scoring.localisation import anomaly_map, normal_tail
from csad.scoring.mean_localisation import mean_map, normal_tail_of_mean
from csad.scoring.model_folder import Manifest, read_manifest, read_tensors
from csad.segmentation.network import SegmentationNetwork

STAGES = 3
"""Stages of the backbone that scoring reads."""

MAP_STRIDE = 4
"""Canvas pixels per cell of the anomaly map before it is brought back to the image."""


@dataclass(frozen=True, eq=False)
class Score:
    """What the model says about one image.

    Attributes:
        value: Larger is more anomalous.
        threshold: Above it the image is rejected.
        branches: Normalised score of each branch and group of branches.
        map: Where it is unusual, float32 (H, W) at the image's size, at least 0 unless the line averages maps
            (`fusion.maps`); `Scorer.normal_tail` is what normal images' upper tail reaches.
        explanations: What is unusual about the components, a sentence each, worst first.
    """

    value: float
    threshold: float
    branches: dict[str, float]
    map: NDArray[np.float32]
    explanations: tuple[str, ...]

    @property
    def anomalous(self) -> bool:
        """The decision."""
        return self.value > self.threshold


class Scorer:
    """A trained model of one product line.

    Attributes:
        line: The settings that it was trained with.
        manifest: Where it comes from.
    """

    def __init__(
        self,
        manifest: Manifest,
        model: AnomalyModel,
        histograms: Histograms,
        component_statistics: ComponentStatistics | None,
    ) -> None:
        self.manifest = manifest
        self.line = ProductLine.from_yaml(manifest.line)
        record = manifest.canvas
        self._canvas = Canvas(record.box, record.height, record.width)
        self._model = model
        self._histograms = histograms
        self._component_statistics = component_statistics
        self._scales = {name: MapNormaliser(*quantiles) for name, quantiles in manifest.map_scale.items()}

    @property
    def parts(self) -> tuple[AnomalyModel, Histograms]:
        """What computes on canvases and what counts, to measure them by themselves."""
        return self._model, self._histograms

    @property
    def threshold(self) -> float:
        """Above it an image is rejected."""
        return self.manifest.threshold.value

    @property
    def normal_tail(self) -> float:
        """What the upper tail of normal images' cells reaches on the map of a score; above 0."""
        if self.line.fusion.maps != "weighted":
            return normal_tail_of_mean(alone=self._reference_label_maps is None)
        return normal_tail(self._scales, self.manifest.fusion.weights)

    @property
    def _reference_label_maps(self) -> Tensor | None:
        """Normal label maps of the histogram's own map, where the line draws one."""
        if self._component_statistics is None or self.line.fusion.maps == "lgst":
            return None
        return self._component_statistics.reference_label_maps

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> Self:
        """Load and verify a model folder.

        Args:
            folder: Folder as `csad train` wrote it.
            device: "cpu", "cuda" or "cuda:N": where the backbone and the networks run.

        Raises:
            ModelFolderError: The folder is incomplete, damaged or of another version.
            DeviceError: There is no such device.
        """
        check_device(device)
        manifest = read_manifest(folder)
        line = ProductLine.from_yaml(manifest.line)
        try:
            weights = WeightsRecord(**manifest.weights["backbone"])
            backbone = backbone_from_tensors(line.backbone.name, weights, STAGES, read_tensors(folder, "backbone"))
            network = None
            if manifest.classes:
                network = SegmentationNetwork(backbone, manifest.classes)
                network.load_trainable_state(read_tensors(folder, "segmentation"))
                network.eval()
            lgst = LgstModel.from_tensors(backbone, read_tensors(folder, "lgst"))
            codebook_tensors = read_tensors(folder, "vocabulary")
            codebook = Codebook.from_tensors(codebook_tensors) if codebook_tensors else None
            component_tensors, visual_word_tensors = read_tensors(folder, "components"), read_tensors(folder, "words")
            histograms = Histograms(
                PatchHistogram.from_tensors(component_tensors, line.histogram) if component_tensors else None,
                PatchHistogram.from_tensors(visual_word_tensors, line.histogram) if visual_word_tensors else None,
            )
            counted = read_tensors(folder, "inventory")
            component_statistics = ComponentStatistics.from_tensors(counted) if counted else None
        except (KeyError, TypeError) as error:
            raise ModelFolderError(f"{folder} lacks {error}; copy the whole model folder again") from error
        model = AnomalyModel(backbone, network, codebook, lgst).to(device)
        return cls(manifest, model, histograms, component_statistics)

    def score(self, image: NDArray[np.uint8]) -> Score:
        """Score one image, uint8 (H, W, 3)."""
        return self.score_batch([image])[0]

    def score_batch(self, images: Sequence[NDArray[np.uint8]]) -> list[Score]:
        """Score images of any sizes, uint8 (H, W, 3) each; an image scores the same alone and among others.

        Raises:
            ImageError: An image is not uint8 (H, W, 3).
        """
        if not images:
            return []
        for image in images:
            if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
                raise ImageError(f"expected an RGB image, uint8 (H, W, 3), got {image.dtype} {image.shape}")
        outputs = self._model.forward(to_tensor(np.stack([self._canvas.to_input(image) for image in images])))
        fusion = self.manifest.fusion
        raw = {name: values.numpy() for name, values in raw_scores(outputs, self._histograms).items()}
        branches = fusion.branch_scores(raw)
        values = fusion.combine(branches)
        named = {**branches, **fusion.groups(branches)}
        return [
            self._explain(image, index, outputs, float(values[index]), {k: float(v[index]) for k, v in named.items()})
            for index, image in enumerate(images)
        ]

    def background_score(self, image: NDArray[np.uint8]) -> float:
        """How unusual the bare border of an image is; never part of a score, only a check on the data."""
        return self.manifest.border.distance(image)

    def _explain(
        self, image: NDArray[np.uint8], index: int, outputs: ModelOutputs, value: float, branches: dict[str, float]
    ) -> Score:
        deviations = []
        explanations: tuple[str, ...] = ()
        if self._component_statistics is not None and outputs.probabilities is not None:
            deviations = self._component_statistics.deviations(outputs.probabilities[index])
            explanations = describe(deviations)
        size = (self._canvas.height // MAP_STRIDE, self._canvas.width // MAP_STRIDE)
        if self.line.fusion.maps == "weighted":
            weights = self.manifest.fusion.weights
            drawn = anomaly_map(outputs, index, self._scales, weights, self._component_statistics, deviations, size)
        else:
            drawn = mean_map(outputs, index, self._scales, self._reference_label_maps, self.line.histogram, size)
        heat = self._canvas.to_image(drawn.numpy(), image.shape[0], image.shape[1])
        return Score(value, self.threshold, branches, heat, explanations)
