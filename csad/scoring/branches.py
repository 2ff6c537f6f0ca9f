"""All branches of the method over one pass of the backbone: canvases in, raw scores and maps out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from csad.compute.compute_device import compute_exactly
from csad.features.backbone import Backbone
from csad.features.words import Vocabulary
from csad.lgst.fit import LgstModel
from csad.lgst.linear import LinearStudent
from csad.lgst.paper.mean_map import BRANCH as MEAN_MAP
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
class Views:
    """What the networks see in a batch of canvases.

    Attributes:
        probabilities: Component class probabilities, float32 (B, K + 1, h/4, w/4); None without a network.
        words: Shares of the visual words, float32 (B, W + 1, h/8, w/8); None without a vocabulary.
        global_map: Error of the global student, float32 (B, r, c); None without one.
        local_maps: Error of the local student (branch "local") or deviations of the distance from normal
            patches (a branch per patch memory), float32 (B, h/8, w/8) each.
    """

    probabilities: Tensor | None
    words: Tensor | None
    global_map: Tensor | None
    local_maps: dict[str, Tensor]


@dataclass(frozen=True)
class Perception:
    """Backbone, segmentation network, vocabulary and students: all that looks at pixels.

    Attributes:
        backbone: Frozen pyramid of three stages, run once per batch.
        network: Component segmentation; None where a line has no component classes.
        vocabulary: Visual words; None where they are switched off.
        lgst: Teacher and students.
    """

    backbone: Backbone
    network: SegmentationNetwork | None
    vocabulary: Vocabulary | None
    lgst: LgstModel

    def to(self, device: torch.device | str) -> Perception:
        """Move everything to a device."""
        compute_exactly()
        lgst = self.lgst
        moved = LgstModel(
            teacher=lgst.teacher.to(device),
            linear=LinearStudent(lgst.linear.mean.to(device), lgst.linear.components.to(device))
            if lgst.linear
            else None,
            memories={name: memory.to(device) for name, memory in lgst.memories.items()},
            students=lgst.students.to(device) if lgst.students else None,
            mean_map=lgst.mean_map,
        )
        vocabulary = self.vocabulary.to(device) if self.vocabulary else None
        network = self.network.to(device) if self.network else None
        return Perception(self.backbone.to(device), network, vocabulary, moved)

    @torch.inference_mode()
    def look(self, canvases: Tensor, without: Sequence[int] | None = None) -> Views:
        """Look at canvases; the views lie on the CPU.

        Args:
            canvases: float32 (B, 3, h, w) in 0..1 on any device.
            without: For training images, the group of each: the patch memories leave out what they hold of it.
        """
        canvases = canvases.to(self.lgst.teacher.mean.device)
        pyramid, features = self._features(canvases)
        global_map, local_maps = self._student_maps(canvases, pyramid, features, without)
        probabilities, words = self._classes(pyramid, features)
        return Views(
            probabilities=probabilities,
            words=words,
            global_map=None if global_map is None else global_map.cpu(),
            local_maps={name: values.cpu() for name, values in local_maps.items()},
        )

    @torch.inference_mode()
    def classes(self, canvases: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Only the class probabilities and the shares of the words of `look`, which cost little."""
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
            self.vocabulary.assign(features).cpu() if self.vocabulary else None,
        )

    def _student_maps(
        self, canvases: Tensor, pyramid: list[Tensor], features: Tensor, without: Sequence[int] | None
    ) -> tuple[Tensor | None, dict[str, Tensor]]:
        lgst = self.lgst
        global_map = lgst.linear.error_map(features) if lgst.linear else None
        local_maps = {name: memory.deviation_map(pyramid, without) for name, memory in lgst.memories.items()}
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
    words: PatchHistogram | None


def raw_scores(views: Views, histograms: Histograms) -> dict[str, Tensor]:
    """Reduce what was seen to numbers (paper 3.3 and 3.4: Mahalanobis distances, maxima of maps).

    Returns:
        One column per histogram grid and per map, before normalisation: "branch@part" -> float64 (B,).
    """
    columns: dict[str, Tensor] = {}
    for branch, shares, histogram in (
        ("components", views.probabilities, histograms.components),
        ("words", views.words, histograms.words),
    ):
        if shares is not None and histogram is not None:
            distances = histogram.distances(shares)
            columns.update({f"{branch}@{grid}": distances[:, i] for i, grid in enumerate(histogram.grids)})
    if views.global_map is not None:
        columns["global@max"] = views.global_map.flatten(1).amax(dim=1).double()
    for branch, values in views.local_maps.items():
        cells = values.flatten(1)
        if branch == MEAN_MAP:
            columns[f"{branch}@max"] = cells.amax(dim=1).double()
            continue
        count = min(max(LEAST_LOCAL_CELLS, round(LOCAL_FRACTION * cells.shape[1])), cells.shape[1])
        columns[f"{branch}{LOCAL_PART}"] = cells.topk(count, dim=1).values.mean(dim=1).double()
    return columns
