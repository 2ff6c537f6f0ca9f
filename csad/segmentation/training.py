"""Train the decoder on pseudo-labels, LSA and unlabelled images (paper 3.2)."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from csad.common.errors import StageError
from csad.common.progress import track
from csad.compute import checkpoint as checkpoints
from csad.compute.averaging import averaged_model
from csad.config.settings import SegmentationSettings
from csad.features.backbone import Backbone
from csad.imaging.canvas_store import to_tensor
from csad.segmentation.anomalies import SyntheticAnomalies
from csad.segmentation.augmentation import random_affine, random_brightness, warp_images, warp_labels
from csad.segmentation.losses import labelled_losses, unlabelled_losses
from csad.segmentation.lsa import LabelledImage
from csad.segmentation.network import LABEL_STRIDE, SegmentationNetwork
from csad.segmentation.state import EndlessOrder, TrainingState

DONORS = 32
"""Labelled images whose parts are pasted into others; cutting them out anew at each step would cost more."""

EMA_DECAY = 0.995
WEIGHT_DECAY = 1e-4

CHECKPOINT_EVERY = 50
"""Steps."""

logger = logging.getLogger(__name__)


class Arrays(Protocol):
    """Arrays uint8 of one shape by their index: a list, an array or a `csad.compute.array_store.ArrayStore`."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> NDArray[np.uint8]: ...


@dataclass(frozen=True)
class SegmentationData:
    """What the network learns from; image i is described by the i-th entry of each field.

    Attributes:
        canvases: uint8 (H, W, 3) each.
        labels: Class per pixel, uint8 (H, W) each; all zero where not labelled.
        labelled: bool (N,); the others are unlabelled images.
        types: Product type, int (N,).
        classes: Component classes K, the background not counted.
    """

    canvases: Arrays
    labels: Arrays
    labelled: NDArray[np.bool_]
    types: NDArray[np.int64]
    classes: int


def train_segmentation(
    backbone: Backbone,
    data: SegmentationData,
    settings: SegmentationSettings,
    seed: int,
    checkpoint: Path | None = None,
    device: torch.device | str = "cpu",
) -> SegmentationNetwork:
    """Train the segmentation network and return its averaged (EMA) weights, or with a fixed schedule the last ones.

    Args:
        backbone: Frozen pyramid with at least three stages.
        data: Canvases with pseudo-labels.
        settings: Step budget, batch, rate, loss weights.
        seed: Random seed for weights, order and augmentation.
        checkpoint: File to write every `CHECKPOINT_EVERY` steps and to resume from; the result of a resumed run equals
            that of an uninterrupted one. It is left for the caller to remove. None writes nothing.
        device: Where to train; the network stays there. All draws are made on the CPU, so a seed means the same.

    Raises:
        StageError: There is no labelled image, or the loss stops being finite.
    """
    labelled = np.flatnonzero(data.labelled)
    if not len(labelled):
        raise StageError("no image has a pseudo-label, so the segmentation network has nothing to learn from")
    unlabelled = np.flatnonzero(~data.labelled)
    torch.manual_seed(seed)
    generator = np.random.default_rng(seed)
    draw = torch.Generator().manual_seed(seed)
    network = SegmentationNetwork(backbone, data.classes).to(device)
    parameters = [p for p in network.parameters() if p.requires_grad]
    fixed = settings.schedule == "fixed"
    optimiser: torch.optim.Optimizer
    if fixed:
        optimiser = torch.optim.Adam(parameters, lr=settings.learning_rate)
    else:
        optimiser = torch.optim.AdamW(parameters, lr=settings.learning_rate, weight_decay=WEIGHT_DECAY)
    average = averaged_model(network.trained, EMA_DECAY)
    fractions = _class_fractions(data, labelled)
    anomalies = SyntheticAnomalies(_donors(data, labelled, generator) if settings.lsa else (), settings)
    steps = steps_of(settings, len(labelled))
    labelled_order, unlabelled_order = EndlessOrder(labelled, generator), EndlessOrder(unlabelled, generator)
    state = TrainingState(network, average, optimiser, generator, draw, labelled_order, unlabelled_order)
    run = _fingerprint(backbone, data, settings, seed)
    first = 0
    if checkpoint and (found := checkpoints.find(checkpoint, run)):
        state.restore(found)
        first = found.step
    first_unlabelled = round(steps * settings.labelled_only_fraction)
    network.train()
    for step in track(range(first, steps), "segmentation network"):
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate if fixed else _rate(settings.learning_rate, step, steps)
        chosen = labelled_order.take(max(2, settings.batch))
        images, labels = _labelled_batch(data, chosen, anomalies, generator, draw, device)
        with_unlabelled = len(unlabelled) > 0 and step >= first_unlabelled
        if with_unlabelled:
            others = unlabelled_order.take(settings.batch)
            plain = to_tensor(np.stack([data.canvases[index] for index in others])).to(device)
            images = torch.cat([images, random_brightness(plain, draw)])
        logits = network(images)
        parts = labelled_losses(logits[: len(labels)], labels)
        weights = settings.losses
        loss = weights.cross_entropy * parts.cross_entropy + weights.dice * parts.dice + weights.focal * parts.focal
        if with_unlabelled:
            wanted = torch.stack([_fractions_of_type(fractions, data.types, index, generator) for index in others])
            with_background = settings.histogram_classes == "all"
            unlabelled_parts = unlabelled_losses(logits[len(labels) :], wanted.to(device), with_background)
            loss = loss + weights.histogram * unlabelled_parts.histogram + weights.entropy * unlabelled_parts.entropy
        if not torch.isfinite(loss):
            raise StageError(
                f"the segmentation loss became {loss.item()} at step {step}; lower segmentation.learning_rate"
            )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        average.update_parameters(network.trained)
        if checkpoint and (step + 1) % CHECKPOINT_EVERY == 0:
            checkpoints.save(checkpoint, run, state.checkpoint(step + 1))
        if (step + 1) % max(1, steps // 10) == 0:
            logger.info("segmentation step %d of %d: loss %.3f", step + 1, steps, loss.item())
    if not fixed:
        network.trained.load_state_dict(average.module.state_dict())
    return network.eval()


def steps_of(settings: SegmentationSettings, labelled: int) -> int:
    """Optimiser steps: `settings.steps`, or as many as `settings.epochs` passes over the labelled images take."""
    if settings.epochs is None:
        return settings.steps
    return settings.epochs * math.ceil(labelled / max(2, settings.batch))


def _donors(data: SegmentationData, labelled: NDArray[np.int64], generator: np.random.Generator) -> list[LabelledImage]:
    """Some labelled images, of which parts are pasted into others."""
    chosen = generator.permutation(labelled)[:DONORS]
    return [LabelledImage(np.array(data.canvases[i]), np.array(data.labels[i])) for i in chosen]


def _labelled_batch(
    data: SegmentationData,
    chosen: Sequence[int],
    anomalies: SyntheticAnomalies,
    generator: np.random.Generator,
    draw: torch.Generator,
    device: torch.device | str,
) -> tuple[Tensor, Tensor]:
    batch = []
    for index in chosen:
        image = LabelledImage(np.asarray(data.canvases[index]), np.asarray(data.labels[index]))
        batch.append(anomalies(image, generator))
    images = to_tensor(np.stack([image.pixels for image in batch])).to(device)
    labels = torch.from_numpy(np.stack([image.labels for image in batch])).to(device)
    matrices = random_affine(len(batch), images.shape[2], images.shape[3], draw)
    images = random_brightness(warp_images(images, matrices), draw)
    return images, warp_labels(labels, matrices, LABEL_STRIDE)


def _class_fractions(data: SegmentationData, labelled: NDArray[np.int64]) -> dict[int, Tensor]:
    """Class histogram of each labelled map, background first."""
    result = {}
    for index in labelled:
        counts = np.bincount(np.asarray(data.labels[index]).ravel(), minlength=data.classes + 1)
        result[int(index)] = torch.from_numpy(counts / counts.sum()).float()
    return result


def _fractions_of_type(
    fractions: dict[int, Tensor], types: NDArray[np.int64], index: int, generator: np.random.Generator
) -> Tensor:
    candidates = [other for other in fractions if types[other] == types[index]] or list(fractions)
    return fractions[candidates[int(generator.integers(len(candidates)))]]


def _fingerprint(backbone: Backbone, data: SegmentationData, settings: SegmentationSettings, seed: int) -> str:
    """Digest of all that the result depends on."""

    def contents() -> Iterator[NDArray[np.generic]]:
        yield data.labelled
        yield data.types
        for arrays in (data.labels, data.canvases):
            for index in range(len(arrays)):
                yield np.asarray(arrays[index])

    weights = backbone.weights.sha256 if backbone.weights else None
    run = {**settings.model_dump(mode="json"), "backbone": weights, "classes": data.classes, "seed": seed}
    return checkpoints.fingerprint(run, contents())


def _rate(initial: float, step: int, steps: int) -> float:
    return initial * 0.5 * (1 + math.cos(math.pi * step / steps))
