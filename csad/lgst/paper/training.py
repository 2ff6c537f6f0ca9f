"""Training of the paper's students (paper 3.4)."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from csad.common.errors import DatasetError, StageError
from csad.common.progress import track
from csad.compute import checkpoint as checkpoints
from csad.compute.averaging import averaged_model
from csad.compute.checkpoint import Checkpoint, optimiser_tensors, restore_optimiser
from csad.config.settings import LgstSettings
from csad.lgst.paper.losses import colour_jitter, hard_feature_loss, imitation_loss, penalty_loss
from csad.lgst.paper.networks import HeadDesign, PatchFeatures
from csad.lgst.paper.penalty_source import PRODUCT, PenaltySource, penalty_source
from csad.lgst.paper.sampling import ImageSource, Window, read_batch, step_generator, step_indices
from csad.lgst.paper.students import BOTTLENECK, StudentArchitecture, Students
from csad.lgst.teacher import Teacher, resize

_log = logging.getLogger(__name__)

DECAY_AT = 0.95
"""Fraction of the steps after which the learning rate falls to a tenth (paper 3.4)."""


@dataclass(frozen=True)
class StudentTraining:
    """How the students are trained; paper values in brackets where ours differ.

    Attributes:
        steps: Optimiser steps (60,000).
        batch: Images per step.
        learning_rate: Adam's rate up to 95 % of the steps, then a tenth of it.
        weight_decay: Adam's L2 penalty.
        average: Decay of the averaged weights, which are the result (none); shorter at the start.
        width: Channels of the local student's first layer (128); 0 trains no local student.
        design: How the local student imitates both the teacher and the autoencoder ("heads").
        bottleneck: Length of the autoencoder's vector; 0 trains no autoencoder.
        window: Side in pixels of the square of each image that the local student learns from in a step (the whole
            image). Patches do not look beyond 33 pixels, so this trades breadth per step for many more steps.
        penalty: Where the penalty images come from: "product", "packaged" or a folder (ImageNet).
        checkpoint_every: Steps between checkpoints.
    """

    steps: int
    batch: int = 2
    learning_rate: float = 2e-4
    weight_decay: float = 1e-4
    average: float = 0.999
    width: int = 64
    design: HeadDesign = "heads"
    bottleneck: int = BOTTLENECK
    window: int = 128
    penalty: str = PRODUCT
    checkpoint_every: int = 250

    @classmethod
    def of(cls, settings: LgstSettings) -> StudentTraining:
        """Read a line's settings: only the students that the line names are trained."""
        return cls(
            steps=settings.steps,
            batch=settings.batch,
            learning_rate=settings.learning_rate,
            average=settings.average,
            width=settings.pdn_width if settings.local_student == "pdn" else 0,
            design=settings.pdn_heads,
            bottleneck=cls.bottleneck if settings.global_student == "autoencoder" else 0,
            window=settings.window,
            penalty=settings.penalty,
        )


def train_students(
    teacher: Teacher,
    images: ImageSource,
    settings: StudentTraining,
    seed: int,
    device: str | torch.device = "cpu",
    checkpoint: Path | None = None,
) -> Students:
    """Train the students on normal images.

    Args:
        teacher: Fitted teacher; moved to `device`.
        images: Normal training images on one canvas.
        settings: How to train.
        seed: Seed of the initial weights and of every draw.
        device: Where to train.
        checkpoint: File to write every `checkpoint_every` steps and to resume from; the result of a resumed run equals
            that of an uninterrupted one. It is left for the caller to remove. None writes nothing.

    Returns:
        The averaged students in evaluation mode, on `device`.

    Raises:
        DatasetError: There is no image, or sizes differ.
        StageError: The loss is no longer finite.
    """
    if not len(images):
        raise DatasetError("Found 0 training images for the students, expected at least 1. Add normal images.")
    height, width = images[0].shape[-2:]
    architecture = StudentArchitecture(
        channels=teacher.channels,
        canvas=(height, width),
        grid=teacher.grid_of(height, width),
        width=settings.width,
        bottleneck=settings.bottleneck,
        design=settings.design,
    )
    source = penalty_source(settings.penalty)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        students = Students(architecture).to(device)
    teacher.to(device)
    averaged = averaged_model(students, settings.average)
    optimiser = torch.optim.Adam(students.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    statistics = [tensor.cpu().numpy() for _, tensor in sorted(teacher.tensors().items())]
    run = checkpoints.fingerprint({**asdict(settings), "seed": seed, "images": len(images)}, statistics)
    first = 0
    if checkpoint and (found := checkpoints.find(checkpoint, run)):
        first = found.step
        students.load_state_dict(found.parts["students"])
        averaged.load_state_dict(found.parts["averaged"])
        restore_optimiser(optimiser, found.parts["optimiser"])

    for step in track(range(first, settings.steps), "Training students"):
        generator = step_generator(seed, step)
        indices = step_indices(len(images), settings.batch, seed, step)
        batch = read_batch(images, indices, (height, width)).to(device)
        loss = students_loss(students, teacher, batch, settings.window, generator, source)
        check_finite(float(loss.detach()), step, settings)
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * (0.1 if step >= DECAY_AT * settings.steps else 1.0)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        averaged.update_parameters(students)
        if checkpoint and (step + 1) % settings.checkpoint_every == 0:
            parts = {
                "students": students.state_dict(),
                "averaged": averaged.state_dict(),
                "optimiser": optimiser_tensors(optimiser),
            }
            checkpoints.save(checkpoint, run, Checkpoint(step + 1, parts))
        if step + 1 == settings.steps:
            _log.info("students: loss %.4f in the last of %d steps", float(loss.detach()), settings.steps)
    result = averaged.module
    assert isinstance(result, Students)
    return result.eval()


def students_loss(
    students: Students,
    teacher: Teacher,
    images: Tensor,
    window_side: int,
    generator: torch.Generator,
    source: PenaltySource,
) -> Tensor:
    """Sum of the losses of one step; the teacher sees each picture once.

    Args:
        students: Being trained.
        teacher: Frozen.
        images: float32 (B, 3, H, W) in 0..1.
        window_side: Side in pixels of the square that the local student learns from.
        generator: CPU generator of the draws.
        source: Source of the penalty images.

    Returns:
        float32 scalar.
    """
    jittered = colour_jitter(images, generator)
    if students.local is None:
        assert students.autoencoder is not None
        return imitation_loss(teacher(jittered), students.autoencoder(jittered))
    if students.autoencoder is None:
        return local_loss(students, teacher(images), images, window_side, generator, source)
    clean, changed = teacher(torch.cat([images, jittered])).chunk(2)  # (B, C, h, w) each
    predicted = students.autoencoder(jittered)  # (B, C, h, w)
    loss = imitation_loss(changed, predicted)
    distillation = DistillationTarget(jittered, predicted)
    return loss + local_loss(students, clean, images, window_side, generator, source, distillation)


@dataclass(frozen=True)
class DistillationTarget:
    """What the second head of the local student learns: pictures (B, 3, H, W) and the autoencoder's maps of them."""

    images: Tensor
    predicted: Tensor


def local_loss(
    students: Students,
    target: Tensor,
    images: Tensor,
    window_side: int,
    generator: torch.Generator,
    source: PenaltySource,
    distillation: DistillationTarget | None = None,
) -> Tensor:
    """Hard-feature loss, penalty, and with `distillation` the imitation of the autoencoder, in one random window."""
    local = students.local
    assert local is not None
    height, width = images.shape[-2:]
    grid = (height // local.stride, width // local.stride)
    window = Window.draw(grid, window_side, local.stride, generator)
    pictures = [window.of_padded(local.pad(images)), source.draw(images, window.pixels, generator)]
    if distillation is not None:
        pictures.append(window.of_padded(local.pad(distillation.images)))
    stacked = torch.cat(pictures).contiguous(memory_format=torch.channels_last)
    patches: PatchFeatures = local.describe(stacked)
    imitated = patches.teacher.chunk(len(pictures))
    loss = hard_feature_loss(window.of_map(resize(target, grid)), imitated[0]) + penalty_loss(imitated[1])
    if distillation is not None:
        second_head = patches.global_student.chunk(len(pictures))[2]
        loss = loss + imitation_loss(window.of_map(resize(distillation.predicted, grid)), second_head)
    return loss


def check_finite(loss: float, step: int, settings: StudentTraining) -> None:
    """Stop a run that has diverged.

    Raises:
        StageError: The loss is infinite or not a number.
    """
    if not -float("inf") < loss < float("inf"):
        raise StageError(
            f"The students' loss is {loss} at step {step + 1} of {settings.steps}, expected a finite number. "
            f"Lower lgst.learning_rate (now {settings.learning_rate:g}) or look for broken training images."
        )
