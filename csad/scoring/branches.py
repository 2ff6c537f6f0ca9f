"""All branches of the method over one pass of the backbone: canvases in, raw scores and maps out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from csad.compute.compute_device import disable_tf32
from csad.features.backbone import Backbone
from csad.features.codebook import Codebook
from csad.lgst.fit import LgstModel
from csad.lgst.paper.mean_map import BRANCH as MEAN_MAP
from csad.lgst.pca import PcaReconstruction
from csad.scoring.histogram import PatchHistogram
from csad.segmentation.network import SegmentationNetwork, class_probabilities

GROUPS = {"histogram": ("components", "words"), "lgst": ("global", "local", "neighbourhood", "detail", MEAN_MAP)}
BRANCHES = tuple(branch for members in GROUPS.values() for branch in members)

LOCAL_FRACTION = 0.01
"""A local score is the mean of this fraction of the cells, the highest: a few odd ones are noise, defects larger."""

LEAST_LOCAL_CELLS = 5
"""Cells that a local score is the mean of at least."""

LOCAL_PART = "@top1%"
"""End of the name of a local score's column."""


@dataclass(frozen=True)
class ModelOutputs:
    """What the networks compute of a batch of canvases.

    Attributes:
        probabilities: Component class probabilities, float32 (B, K + 1, h/4, w/4); None without a network.
        visual_words: Soft assignment to the visual words, float32 (B, W + 1, h/8, w/8); None without a codebook.
        global_map: Error of the global student, float32 (B, r, c); None without one.
        local_maps: Error of the local student (branch "local") or deviations of the distance from normal
            patches (a branch per memory bank), float32 (B, h/8, w/8) each.
    """

    probabilities: Tensor | None
    visual_words: Tensor | None
    global_map: Tensor | None
    local_maps: dict[str, Tensor]


@dataclass(frozen=True)
class AnomalyModel:
    """Backbone, segmentation network, codebook and students: all that computes on pixels.

    Attributes:
        backbone: Frozen pyramid of three stages, run once per batch.
        network: Component segmentation; None where a line has no component classes.
        codebook: Visual words; None where they are switched off.
        lgst: Teacher and students.
    """

    backbone: Backbone
    network: SegmentationNetwork | None
    codebook: Codebook | None
    lgst: LgstModel

    def to(self, device: torch.device | str) -> AnomalyModel:
        """Move everything to a device."""
        disable_tf32()
        lgst = self.lgst
        moved = LgstModel(
            teacher=lgst.teacher.to(device),
            pca=PcaReconstruction(lgst.pca.mean.to(device), lgst.pca.components.to(device)) if lgst.pca else None,
            memory_banks={name: bank.to(device) for name, bank in lgst.memory_banks.items()},
            students=lgst.students.to(device) if lgst.students else None,
            mean_map=lgst.mean_map,
        )
        codebook = self.codebook.to(device) if self.codebook else None
        network = self.network.to(device) if self.network else None
        return AnomalyModel(self.backbone.to(device), network, codebook, moved)

    @torch.inference_mode()
    def forward(self, canvases: Tensor, without: Sequence[int] | None = None) -> ModelOutputs:
        """Compute the outputs of canvases; they lie on the CPU.

        Args:
            canvases: float32 (B, 3, h, w) in 0..1 on any device.
            without: For training images, the group of each: the memory banks leave out what they hold of it.
        """
        canvases = canvases.to(self.lgst.teacher.mean.device)
        pyramid, features = self._features(canvases)
        global_map, local_maps = self._student_maps(canvases, pyramid, features, without)
        probabilities, visual_words = self._classes(pyramid, features)
        return ModelOutputs(
            probabilities=probabilities,
            visual_words=visual_words,
            global_map=None if global_map is None else global_map.cpu(),
            local_maps={name: values.cpu() for name, values in local_maps.items()},
        )

    @torch.inference_mode()
    def classes(self, canvases: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Only the class probabilities and the soft assignments of `forward`, which cost little."""
        pyramid, features = self._features(canvases)
        return self._classes(pyramid, features)

    def _features(self, canvases: Tensor) -> tuple[list[Tensor], Tensor]:
        teacher = self.lgst.teacher
        pyramid = self.backbone(canvases.to(teacher.mean.device))
        grid = teacher.grid_of(canvases.shape[-2], canvases.shape[-1])
        return pyramid, teacher.standardise(teacher.combine(pyramid, grid))

    def _classes(self, pyramid: list[Tensor], features: Tensor) -> tuple[Tensor | None, Tensor | None]:
        return (
            class_probabilities(self.network.decode(pyramid)).cpu() if self.network else None,
            self.codebook.assign(features).cpu() if self.codebook else None,
        )

    def _student_maps(
        self, canvases: Tensor, pyramid: list[Tensor], features: Tensor, without: Sequence[int] | None
    ) -> tuple[Tensor | None, dict[str, Tensor]]:
        lgst = self.lgst
        global_map = lgst.pca.error_map(features) if lgst.pca else None
        local_maps = {name: bank.deviation_map(pyramid, without) for name, bank in lgst.memory_banks.items()}
        if lgst.students:
            maps = lgst.students.maps(canvases, features)
            if lgst.mean_map:
                return None, {MEAN_MAP: lgst.mean_map(maps)}
            # The second head expects the autoencoder's blur, so it speaks for the arrangement (paper 3.4).
            if maps.second_head is not None:
                global_map = maps.second_head
            elif maps.global_student is not None:
                global_map = maps.global_student
            if maps.local is not None:
                local_maps = {"local": maps.local}
        return global_map, local_maps


@dataclass(frozen=True)
class Histograms:
    """The Gaussians of the histogram branches; None where a branch is absent."""

    components: PatchHistogram | None
    visual_words: PatchHistogram | None


def raw_scores(outputs: ModelOutputs, histograms: Histograms) -> dict[str, Tensor]:
    """Reduce what was seen to numbers (paper 3.3 and 3.4: Mahalanobis distances, maxima of maps).

    Returns:
        One column per histogram grid and per map, before normalisation: "branch@part" -> float64 (B,).
    """
    columns: dict[str, Tensor] = {}
    for branch, assignments, histogram in (
        ("components", outputs.probabilities, histograms.components),
        ("words", outputs.visual_words, histograms.visual_words),
    ):
        if assignments is not None and histogram is not None:
            distances = histogram.distances(assignments)
            columns.update({f"{branch}@{grid}": distances[:, i] for i, grid in enumerate(histogram.grids)})
    if outputs.global_map is not None:
        columns["global@max"] = outputs.global_map.flatten(1).amax(dim=1).double()
    for branch, values in outputs.local_maps.items():
        cells = values.flatten(1)
        if branch == MEAN_MAP:
            columns[f"{branch}@max"] = cells.amax(dim=1).double()
            continue
        count = min(max(LEAST_LOCAL_CELLS, round(LOCAL_FRACTION * cells.shape[1])), cells.shape[1])
        columns[f"{branch}{LOCAL_PART}"] = cells.topk(count, dim=1).values.mean(dim=1).double()
    return columns
