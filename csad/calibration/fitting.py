"""First part of the statistics stage: all branches are fitted on the good training images (paper 3.3)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from csad.common.progress import track
from csad.images.folds import folds_of
from csad.images.training_images import evenly_spaced
from csad.lgst.copies import COPIES, copy_of
from csad.lgst.fit import calibrating
from csad.scoring.anomaly_model import AnomalyModel
from csad.scoring.branches import registered
from csad.scoring.branches.observer import Observer
from csad.scoring.branches.training import BATCH, Training

COPIED_IMAGES = 100
"""Training images whose copies are counted, too: what light and a shift change shows in some of them."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FittedBranches:
    """All branches of a line.

    Attributes:
        model: The whole model.
        out_of_fold: Raw columns of the training images of `calibrating` by branches that had not seen them, float64
            (n,) each; empty where that cannot be had.
    """

    model: AnomalyModel
    out_of_fold: dict[str, NDArray[np.float64]]


def fit_branches(training: Training) -> FittedBranches:
    """Fit every registered branch that the line uses, in one pass over the images that all of them share."""
    fitted = (branch.fit(training) for branch in registered())
    model = AnomalyModel(training.backbone, training.teacher, ()).with_branches(
        branch for branch in fitted if branch is not None
    )
    observers = {branch.kind: branch.observer(training) for branch in model.branches}
    _show_images(training, model, observers)
    _show_copies(training, model, {kind: observer for kind, observer in observers.items() if observer.copies})
    whole = model.with_branches(observer.fitted() for observer in observers.values())
    return FittedBranches(whole, _out_of_fold(training, observers))


def _show_images(training: Training, model: AnomalyModel, observers: Mapping[str, Observer]) -> None:
    images = training.images
    start = 0
    for batch in track(images.batches(BATCH), "Counting components", -(-len(images) // BATCH)):
        outputs = model.forward(batch, training.groups[start : start + len(batch)])
        start += len(batch)
        for observer in observers.values():
            observer.add(outputs)


def _show_copies(training: Training, model: AnomalyModel, observers: Mapping[str, Observer]) -> None:
    """Show copies of evenly spaced images, in other light and a little aside."""
    if not observers:
        return
    some = model.only(lambda branch: branch.kind in observers)
    generator = torch.Generator().manual_seed(training.seed)
    chosen = evenly_spaced(len(training.images), COPIED_IMAGES)
    for start, batch in zip(range(0, len(chosen), BATCH), training.images.batches(BATCH, chosen), strict=True):
        for _ in range(COPIES):
            outputs = some.forward(copy_of(batch, generator))
            for observer in observers.values():
                observer.add_copies(outputs, chosen[start : start + len(batch)])


def _out_of_fold(training: Training, observers: Mapping[str, Observer]) -> dict[str, NDArray[np.float64]]:
    folds = folds_of(training.groups).numpy()
    if len(np.unique(folds)) < 2:
        return {}
    chosen = calibrating(len(training.images))
    columns: dict[str, NDArray[np.float64]] = {}
    for kind, observer in observers.items():
        found = observer.out_of_fold(folds, chosen)
        if found is None:
            logger.info("calibration: the validation images alone, for %s saw all training images", kind)
            return {}
        columns |= found
    return columns
