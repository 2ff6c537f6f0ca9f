"""Fit the local-global student-teacher branch of a line, on files (paper 3.4)."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from csad.common.errors import StageError
from csad.config.line import ProductLine
from csad.features.backbone import Backbone, backbone_of
from csad.images import ImageSet
from csad.images.folds import folds_of
from csad.images.training_images import canvas_of, evenly_spaced, open_canvases
from csad.imaging.canvas_store import CanvasStore
from csad.lgst import copies
from csad.lgst.copies import REACH, groups_with_copies, with_copies
from csad.lgst.linear import MAXIMUM_IMAGES, LinearStudent, fit_pooled, out_of_fold_scores, pool
from csad.lgst.memory import VIEWS, PatchMemory, fit_patch_memories, with_normal_distances
from csad.lgst.paper.mean_map import MeanMap, fit_mean_map
from csad.lgst.paper.sampling import CanvasImages
from csad.lgst.paper.students import Students
from csad.lgst.paper.training import StudentTraining, train_students
from csad.lgst.teacher import Teacher

WEIGHTS = "lgst.safetensors"
OUT_OF_FOLD = "out_of_fold.safetensors"
"""What the global student says about training images that it was not fitted on; absent where that cannot be had."""

BATCH = 8

NORMAL_DISTANCE_IMAGES = 100
"""Training images that show how far normal patches lie from a memory: some 100,000 patches for a few thousand."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LgstModel:
    """Teacher and students; a student that the line does not use is None.

    Attributes:
        teacher: Frozen features.
        linear: Global student without training.
        memories: Local student without training, one memory per view of `csad.lgst.memory.VIEWS`; empty without one.
        students: The paper's networks.
        mean_map: Scales of their two maps, where the largest value of the mean is the score.
    """

    teacher: Teacher
    linear: LinearStudent | None
    memories: dict[str, PatchMemory]
    students: Students | None
    mean_map: MeanMap | None = None

    def to(self, device: torch.device | str) -> LgstModel:
        """Move everything to a device."""
        linear = self.linear
        return LgstModel(
            teacher=self.teacher.to(device),
            linear=LinearStudent(linear.mean.to(device), linear.components.to(device)) if linear else None,
            memories={name: memory.to(device) for name, memory in self.memories.items()},
            students=self.students.to(device) if self.students else None,
            mean_map=self.mean_map,
        )

    def tensors(self) -> dict[str, Tensor]:
        """Flat tensors on the CPU, each part under its own prefix."""
        parts: dict[str, Mapping[str, Tensor]] = {"teacher": self.teacher.tensors()}
        if self.linear:
            parts["linear"] = self.linear.tensors()
        parts.update({f"memory-{name}": memory.tensors() for name, memory in self.memories.items()})
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

        linear, students, mean_map = part("linear"), part("students"), part("mean_map")
        memories = {name: part(f"memory-{name}") for name in VIEWS}
        return cls(
            Teacher.from_tensors(backbone, part("teacher")),
            LinearStudent.from_tensors(linear) if linear else None,
            {name: PatchMemory.from_tensors(name, memory) for name, memory in memories.items() if memory},
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
        seed: Of every draw.
        checkpoint: File from which the training of networks resumes.
        device: Where to fit; the model stays there, what is written does not depend on it.
    """
    settings = line.lgst
    canvas = canvas_of(line, images)
    backbone = backbone_of(line.backbone, stages=3).to(device)
    with open_canvases(line, canvas, images.train) as canvases:
        teacher = Teacher.fit(backbone, canvases.batches(BATCH), settings.channels, seed, settings.grid)

        linear = students = None
        memories = {}
        unseen: dict[str, Tensor] = {}
        groups = images.groups_of(images.train)
        if settings.global_student == "linear":
            linear, unseen["global@max"] = _fit_linear(line, teacher, canvases, groups, seed)
            logger.info("global student: %d principal components", len(linear.components))
        if settings.local_student == "memory":
            batches = with_copies(canvases.batches(BATCH), seed)
            pyramids = (
                (ids, backbone(batch)) for ids, batch in zip(groups_with_copies(groups, BATCH), batches, strict=True)
            )
            seen = (1 + copies.COPIES) * len(canvases)
            memories = fit_patch_memories(VIEWS, pyramids, seen, settings.memory_size, seed)
            some = evenly_spaced(len(canvases), NORMAL_DISTANCE_IMAGES)
            memories = with_normal_distances(memories, _pyramids(backbone, canvases, groups, some))
            for name, memory in memories.items():
                logger.info("local student: a memory of %d patches (%s)", len(memory.patches), name)
        if settings.local_student == "pdn" or settings.global_student == "autoencoder":
            training = StudentTraining.of(settings)
            students = train_students(teacher, CanvasImages(canvases), training, seed, device, checkpoint)
    mean_map = None
    if students and settings.score == "mean_map":
        with open_canvases(line, canvas, images.validation) as validation:
            mean_map = fit_mean_map(students, teacher, validation.batches(BATCH), seed)
    model = LgstModel(teacher, linear, memories, students, mean_map)
    save_file(model.tensors(), output / WEIGHTS)
    save_file(unseen, output / OUT_OF_FOLD)
    return model


def _pyramids(
    backbone: Backbone, canvases: CanvasStore, groups: Sequence[int], chosen: Sequence[int]
) -> Iterator[tuple[Sequence[int], list[Tensor]]]:
    """A batch at a time the groups of some images, and what the backbone sees in them."""
    for start, batch in zip(range(0, len(chosen), BATCH), canvases.batches(BATCH, chosen), strict=True):
        yield [groups[index] for index in chosen[start : start + BATCH]], backbone(batch)


def _fit_linear(
    line: ProductLine, teacher: Teacher, canvases: CanvasStore, groups: Sequence[int], seed: int
) -> tuple[LinearStudent, Tensor]:
    """Fit the global student; score the images of `calibrating` by students that had not seen them, float64 (n,)."""
    settings = line.lgst
    chosen = calibrating(len(canvases))
    batches = with_copies(canvases.batches(BATCH, chosen), seed, REACH)
    maps = torch.cat([pool(teacher(batch)) for batch in batches])
    # Of each batch the images come first, then their copies.
    places = torch.cat([torch.tensor(ids) for ids in groups_with_copies(range(len(chosen)), BATCH)])
    folds = folds_of([groups[index] for index in chosen])
    limits = (settings.explained_variance, settings.max_components)
    scores = out_of_fold_scores(maps, folds[places], *limits)
    # Stable: the first map of an image is the image itself.
    first = torch.argsort(places, stable=True)[:: 1 + copies.COPIES]
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
