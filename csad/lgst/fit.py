"""Fit the local-global student-teacher branch of a line, on files (paper 3.4)."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from csad.common.errors import StageError
from csad.compute.tensor_file import save_tensors
from csad.config.line import ProductLine
from csad.features.backbone import Backbone, backbone_of
from csad.features.compiled import accelerated
from csad.images import ImageSet
from csad.images.canvases import open_canvases
from csad.images.folds import folds_of
from csad.images.training_images import canvas_of, evenly_spaced
from csad.imaging.canvas_store import CanvasStore
from csad.lgst.memory_bank import MEMORY_LAYERS, MemoryBank, with_normal_distances
from csad.lgst.one_pass import BATCH, OnePass
from csad.lgst.paper.mean_map import MeanMap, fit_mean_map
from csad.lgst.paper.sampling import CanvasImages
from csad.lgst.paper.students import Students
from csad.lgst.paper.training import StudentTraining, train_students
from csad.lgst.pca import MAXIMUM_IMAGES, PcaReconstruction, fit_pooled, out_of_fold_scores
from csad.lgst.teacher import Teacher

WEIGHTS = "lgst.safetensors"
OUT_OF_FOLD = "out_of_fold.safetensors"
"""What the global student says about training images that it was not fitted on; absent where that cannot be had."""

NORMAL_DISTANCE_IMAGES = 100
"""Training images that show how far normal patches lie from a memory bank: some 100,000 patches for a few thousand."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LgstModel:
    """Teacher and students; a student that the line does not use is None.

    Attributes:
        teacher: Frozen features.
        pca: Global student without training: PCA reconstruction error.
        memory_banks: Local student without training, one for each of `csad.lgst.memory_bank.MEMORY_LAYERS`, or empty.
        students: The paper's networks.
        mean_map: Scales of their two maps, where the largest value of the mean is the score.
    """

    teacher: Teacher
    pca: PcaReconstruction | None
    memory_banks: dict[str, MemoryBank]
    students: Students | None
    mean_map: MeanMap | None = None

    def to(self, device: torch.device | str) -> LgstModel:
        """Move everything to a device."""
        pca = self.pca
        return LgstModel(
            teacher=self.teacher.to(device),
            pca=PcaReconstruction(pca.mean.to(device), pca.components.to(device)) if pca else None,
            memory_banks={name: bank.to(device) for name, bank in self.memory_banks.items()},
            students=self.students.to(device) if self.students else None,
            mean_map=self.mean_map,
        )

    def tensors(self) -> dict[str, Tensor]:
        """Flat tensors on the CPU, each part under its own prefix."""
        parts: dict[str, Mapping[str, Tensor]] = {"teacher": self.teacher.tensors()}
        if self.pca:
            parts["linear"] = self.pca.tensors()
        parts.update({f"memory-{name}": bank.tensors() for name, bank in self.memory_banks.items()})
        if self.students:
            parts["students"] = self.students.tensors()
        if self.mean_map:
            parts["mean_map"] = self.mean_map.tensors()
        return {f"{part}.{name}": value.cpu() for part, tensors in parts.items() for name, value in tensors.items()}

    @classmethod
    def from_tensors(cls, backbone: Backbone, tensors: Mapping[str, Tensor]) -> LgstModel:
        """Rebuild what `tensors` stored."""

        def part(name: str) -> dict[str, Tensor]:
            prefix = f"{name}."
            return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}

        pca, students, mean_map = part("linear"), part("students"), part("mean_map")
        memory_banks = {name: part(f"memory-{name}") for name in MEMORY_LAYERS}
        return cls(
            Teacher.from_tensors(backbone, part("teacher")),
            PcaReconstruction.from_tensors(pca) if pca else None,
            {name: MemoryBank.from_tensors(name, bank) for name, bank in memory_banks.items() if bank},
            Students.from_tensors(students) if students else None,
            MeanMap.from_tensors(mean_map) if mean_map else None,
        )


def fit_lgst(
    line: ProductLine,
    images: ImageSet,
    output: Path,
    seed: int,
    checkpoint: Path | None = None,
    device: torch.device | str = "cpu",
) -> LgstModel:
    """Fit teacher statistics and students on the normal training images and write `lgst.safetensors` to `output`.

    Args:
        line: Product line; `line.lgst` chooses the students.
        images: Data set; the training images are used, and for the scale of a mean map the validation images.
        output: Folder.
        seed: Random seed for sampling.
        checkpoint: File from which the training of networks resumes.
        device: Where to fit; the model stays there, what is written does not depend on it.
    """
    settings = line.lgst
    canvas = canvas_of(line, images)
    backbone = accelerated(backbone_of(line.backbone, stages=3).to(device))
    with open_canvases(line, canvas, images.train) as canvases:
        pca = students = None
        unseen: dict[str, Tensor] = {}
        groups = images.groups_of(images.train)
        pooled = calibrating(len(canvases)) if settings.global_student == "pca" else []
        seen = OnePass(line, backbone, canvases, groups, pooled, seed)
        teacher, memory_banks = seen.teacher, seen.memory_banks
        if settings.global_student == "pca":
            pca, unseen["global@max"] = _fit_pca(line, seen, [groups[index] for index in pooled])
            logger.info("global student: %d principal components", len(pca.components))
        if memory_banks:
            some = evenly_spaced(len(canvases), NORMAL_DISTANCE_IMAGES)
            memory_banks = with_normal_distances(memory_banks, _pyramids(backbone, canvases, groups, some))
            for name, bank in memory_banks.items():
                logger.info("local student: a coreset of %d patches (%s)", len(bank.patches), name)
        if settings.local_student == "pdn" or settings.global_student == "autoencoder":
            training = StudentTraining.of(settings)
            students = train_students(teacher, CanvasImages(canvases), training, seed, device, checkpoint)
    mean_map = None
    if students and settings.score == "mean_map":
        with open_canvases(line, canvas, images.validation) as validation:
            mean_map = fit_mean_map(students, teacher, validation.batches(BATCH), seed)
    model = LgstModel(teacher, pca, memory_banks, students, mean_map)
    save_tensors(model.tensors(), output / WEIGHTS)
    save_tensors(unseen, output / OUT_OF_FOLD)
    return model


def _pyramids(
    backbone: Backbone, canvases: CanvasStore, groups: Sequence[int], chosen: Sequence[int]
) -> Iterator[tuple[Sequence[int], list[Tensor]]]:
    """A batch at a time the groups of some images, and what the backbone sees in them."""
    for start, batch in zip(range(0, len(chosen), BATCH), canvases.batches(BATCH, chosen), strict=True):
        yield [groups[index] for index in chosen[start : start + BATCH]], backbone(batch)


def _fit_pca(line: ProductLine, seen: OnePass, groups: Sequence[int]) -> tuple[PcaReconstruction, Tensor]:
    """Fit the global student; score the pooled images, of these groups, by students without them, float64 (n,)."""
    maps, places = seen.pooled_maps()
    limits = (line.lgst.explained_variance, line.lgst.max_components)
    scores = out_of_fold_scores(maps, folds_of(groups)[places], *limits)
    # The first map of an image is the image itself.
    first = np.unique(places.numpy(), return_index=True)[1]
    return fit_pooled(maps, *limits), scores[first]


def calibrating(count: int) -> list[int]:
    """Which of `count` training images get out-of-fold scores, ascending: all, or evenly spaced ones of many."""
    return evenly_spaced(count, MAXIMUM_IMAGES)


def load_out_of_fold(folder: Path) -> dict[str, Tensor]:
    """Load the raw columns of the images that `calibrating` names, float64 (n,) each; empty where there are none.

    Raises:
        StageError: The output is incomplete.
    """
    try:
        return load_file(folder / OUT_OF_FOLD)
    except (OSError, SafetensorError) as error:
        raise StageError(f"{folder} holds no whole LGST model ({error}); run the lgst stage again") from error


def load_lgst(folder: Path, backbone: Backbone) -> LgstModel:
    """Load an output of `fit_lgst`.

    Raises:
        StageError: The output is incomplete.
    """
    try:
        return LgstModel.from_tensors(backbone, load_file(folder / WEIGHTS))
    except (OSError, KeyError, SafetensorError) as error:
        raise StageError(f"{folder} holds no whole LGST model ({error}); run the lgst stage again") from error
