"""Second part of the statistics stage: what unseen good images say (paper 3.5; by folds: ours)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from csad.calibration.synthetic_anomalies import synthetic_anomalies
from csad.common.progress import track
from csad.imaging.canvas_store import CanvasStore, to_tensor
from csad.lgst.maps import SAMPLE_SIZE, CellSample, MapNormaliser
from csad.scoring.anomaly_model import AnomalyModel
from csad.scoring.branches.training import BATCH
from csad.scoring.fusion import FEW_IMAGES
from csad.segmentation.lsa import Component

Arrays = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Calibration:
    """What good images say that no part was fitted on.

    Attributes:
        normal: Raw columns, float64 (N,) each: of training images out of fold, then of the validation images.
        validation: The validation images alone.
        made: The same of each kind of synthetic anomaly, by its name.
        map_scale: Scale of each map.
    """

    normal: Arrays
    validation: Arrays
    made: dict[str, Arrays]
    map_scale: dict[str, MapNormaliser]

    def of(self, images: Sequence[int]) -> Calibration:
        """The same with only these of the normal images."""
        return replace(self, normal={name: values[list(images)] for name, values in self.normal.items()})


def calibrate(
    model: AnomalyModel,
    out_of_fold: Mapping[str, NDArray[np.float64]],
    images: CanvasStore,
    donors: Sequence[Sequence[Component]],
    seed: int,
) -> Calibration:
    """Score the validation images and synthetic anomalies made of them.

    Args:
        model: The whole model.
        out_of_fold: Columns of training images by branches that had not seen them; may be empty.
        images: Validation images as model inputs.
        donors: Components of some labelled images, for logical anomalies.
        seed: Random seed of the synthetic anomalies.
    """
    generator = np.random.default_rng(seed)
    normal: list[dict[str, Tensor]] = []
    made: dict[str, list[dict[str, Tensor]]] = {}
    samples: dict[str, CellSample] = {}
    for start in track(range(0, len(images), BATCH), "Calibrating"):
        batch = [images[index] for index in range(start, min(start + BATCH, len(images)))]
        outputs = model.forward(to_tensor(np.stack(batch)))
        normal.append(model.columns(outputs))
        for name, values in model.maps(outputs).items():
            samples.setdefault(name, CellSample(SAMPLE_SIZE, seed)).add(values)
        others = [images[_another(index, len(images), generator)] for index in range(start, start + len(batch))]
        for kind, odd in synthetic_anomalies(batch, others, donors, generator).items():
            made.setdefault(kind, []).append(model.columns(model.forward(to_tensor(np.stack(odd)))))
    validation = joined(normal)
    without_zero = {name for branch in model.branches if not branch.has_zero for name in branch.columns(outputs)}
    aligned = align(out_of_fold, validation, without_zero)
    return Calibration(
        normal={
            name: np.concatenate([aligned[name], values]) if aligned else values for name, values in validation.items()
        },
        validation=validation,
        made={kind: joined(batches) for kind, batches in made.items()},
        map_scale={name: MapNormaliser.from_sample(sample.values) for name, sample in samples.items()},
    )


def joined(batches: Sequence[dict[str, Tensor]]) -> Arrays:
    """Columns of several batches, one after the other."""
    return {name: torch.cat([batch[name] for batch in batches]).double().numpy() for name in batches[0]}


def align(
    out_of_fold: Mapping[str, NDArray[np.float64]],
    validation: Mapping[str, NDArray[np.float64]],
    deviations: Collection[str],
) -> Arrays:
    """Bring out-of-fold columns down to what the whole model would give.

    A part that lacks a fold knows less than the whole one, and a coreset without an image's own patches has holes where
    they were, so out-of-fold distances lie too high. Images that nothing was fitted on show by how much: the medians of
    both are made equal, of distances by a factor, of deviations, which have no zero of their own, by a shift. Nothing
    is raised, and a handful of validation images shows nothing.

    Args:
        out_of_fold: Columns of training images, float64 (n,) each.
        validation: The same columns of the validation images, float64 (m,) each.
        deviations: Names of the columns that are no distances.

    Returns:
        float64 (n,) each.
    """
    aligned = {}
    for name, values in out_of_fold.items():
        usual, true = float(np.median(values)), float(np.median(validation[name]))
        if len(validation[name]) < FEW_IMAGES or usual <= true:
            aligned[name] = values
        elif name in deviations:
            aligned[name] = values - (usual - true)
        else:
            aligned[name] = values * (true / usual)
    return aligned


def _another(index: int, count: int, generator: np.random.Generator) -> int:
    """Draw the number of another image; the same one where there is no other."""
    return (index + int(generator.integers(1, count))) % count if count > 1 else index
