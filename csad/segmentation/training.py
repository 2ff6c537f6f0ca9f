"""Train the decoder on pseudo-labels, LSA and unlabelled images (paper 3.2)."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from pathlib import Path

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
from csad.segmentation.anomalies import SyntheticAnomalies
from csad.segmentation.data import SegmentationData
from csad.segmentation.examples import FreshExamples, open_examples
from csad.segmentation.losses import labelled_losses, unlabelled_losses
from csad.segmentation.lsa import LabelledImage
from csad.segmentation.network import SegmentationNetwork
from csad.segmentation.state import TrainingState

DONORS = 32
"""Labelled images whose parts are pasted into others; cutting them out anew at each step would cost more."""

EMA_DECAY = 0.995
WEIGHT_DECAY = 1e-4

CHECKPOINT_EVERY = 50
"""Steps."""

logger = logging.getLogger(__name__)


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
    first_unlabelled = round(steps * settings.labelled_only_fraction)
    fresh = FreshExamples(network.backbone, data, anomalies, generator, draw, device)
    draws = (labelled_batch(settings) * steps, settings.batch * (steps - first_unlabelled))
    run = _fingerprint(backbone, data, settings, seed)
    network.train()
    with open_examples(fresh, settings.copies, *draws, device) as examples:
        state = TrainingState(
            network, average, optimiser, generator, draw, examples.labelled_order, examples.unlabelled_order
        )
        first = 0
        if checkpoint and (found := checkpoints.find(checkpoint, run)):
            state.restore(found)
            first = found.step
        for step in track(range(first, steps), "segmentation network"):
            for group in optimiser.param_groups:
                group["lr"] = settings.learning_rate if fixed else _rate(settings.learning_rate, step, steps)
            described, labels = examples.labelled(labelled_batch(settings))
            wanted = None
            if len(examples.unlabelled_order.indices) and step >= first_unlabelled:
                others, chosen = examples.unlabelled(settings.batch)
                described = described.joined(others)
                expected = [_fractions_of_type(fractions, data.types, index, generator) for index in chosen]
                wanted = torch.stack(expected).to(device)
            loss = _loss(network.classify(described.fine, described.coarse), labels, wanted, settings)
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


def _loss(logits: Tensor, labels: Tensor, wanted: Tensor | None, settings: SegmentationSettings) -> Tensor:
    """Weighted sum of the five losses (paper Eq. 3).

    Args:
        logits: Logits of the labelled images, then of the unlabelled ones, (B, K + 1, h, w).
        labels: Classes of the labelled images, int64 (L, h, w).
        wanted: Class histograms for the unlabelled images, (B - L, K + 1); None without unlabelled images.
        settings: Weights of the losses.
    """
    weights = settings.losses
    parts = labelled_losses(logits[: len(labels)], labels)
    loss = weights.cross_entropy * parts.cross_entropy + weights.dice * parts.dice + weights.focal * parts.focal
    if wanted is None:
        return loss
    with_background = settings.histogram_classes == "all"
    unlabelled = unlabelled_losses(logits[len(labels) :], wanted, with_background)
    return loss + weights.histogram * unlabelled.histogram + weights.entropy * unlabelled.entropy


def labelled_batch(settings: SegmentationSettings) -> int:
    """Labelled images per step: batch norms need two."""
    return max(2, settings.batch)


def steps_of(settings: SegmentationSettings, labelled: int) -> int:
    """Optimiser steps: `settings.steps`, or as many as `settings.epochs` passes over the labelled images take."""
    if settings.epochs is None:
        return settings.steps
    return settings.epochs * math.ceil(labelled / labelled_batch(settings))


def _donors(data: SegmentationData, labelled: NDArray[np.int64], generator: np.random.Generator) -> list[LabelledImage]:
    """Some labelled images, of which parts are pasted into others."""
    chosen = generator.permutation(labelled)[:DONORS]
    return [LabelledImage(np.array(data.canvases[i]), np.array(data.labels[i])) for i in chosen]


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
