"""Last part of the statistics stage: the model folder."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch

from csad.calibration.calibrate import Calibration
from csad.calibration.decision import Decision
from csad.config.line import ProductLine
from csad.imaging.border import BorderModel
from csad.imaging.canvas import Canvas
from csad.imaging.registration import Registration
from csad.scoring.anomaly_model import AnomalyModel
from csad.scoring.model_folder import CanvasRecord, Manifest, write_model
from csad.scoring.runtimes.record import Export
from csad.scoring.runtimes.torch_runtime import TEACHER
from csad.scoring.scorer import REGISTRATION


def write(
    output: Path,
    line: ProductLine,
    canvas: Canvas,
    model: AnomalyModel,
    calibration: Calibration,
    decision: Decision,
    border: BorderModel,
    export: Export | None,
    *,
    classes: int,
    types: int,
    snapshot: str,
    seed: int,
    registration: Registration | None,
) -> Manifest:
    """Write all parts of a model and the manifest that names them.

    Args:
        output: The model folder.
        line: The settings that it was trained with.
        canvas: Crop and size of its inputs.
        model: Networks and branches.
        calibration: Scales of the maps.
        decision: Fusion and threshold.
        border: Border of normal images.
        export: The graph that lies in the folder; None without one.
        classes: Component classes.
        types: Product types.
        snapshot: Digest of the training data.
        seed: Random seed of the training run.
        registration: What brings the product to one pose; None where the images are as they came.
    """
    assert model.backbone.weights is not None
    manifest = Manifest(
        line=line.to_yaml(),
        seed=seed,
        snapshot=snapshot,
        weights={"backbone": asdict(model.backbone.weights)},
        canvas=CanvasRecord(box=canvas.box, height=canvas.height, width=canvas.width),
        branches=tuple(branch.kind for branch in model.branches),
        classes=classes,
        types=types,
        fusion=decision.fusion,
        threshold=decision.threshold,
        map_scale={name: (scale.low, scale.high) for name, scale in calibration.map_scale.items()},
        border=border,
        export=export,
        normal_scores=tuple(float(score) for score in decision.normal_scores),
        odd_images=decision.odd_images,
        synthetic_detection=decision.synthetic_detection,
    )
    shared = {"backbone": dict(model.backbone.pyramid.state_dict()), TEACHER: model.teacher.tensors()}
    if registration:
        shared[REGISTRATION] = {name: torch.from_numpy(array) for name, array in registration.arrays().items()}
    return write_model(output, manifest, shared | {branch.kind: branch.tensors() for branch in model.branches})
