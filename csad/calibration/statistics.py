"""From trained networks to a model: branches, calibration, decision, model folder (paper 3.3, 3.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from csad.calibration.calibrate import calibrate
from csad.calibration.decision import decide
from csad.calibration.exporting import export
from csad.calibration.fitting import fit_branches
from csad.calibration.writing import write
from csad.config.line import ProductLine
from csad.features.backbone import backbone_of
from csad.features.compiled import accelerated
from csad.images import ImageFile, ImageSet
from csad.images.canvases import open_canvases
from csad.images.registered import read_registration
from csad.images.training_images import canvas_of, sample_images
from csad.imaging.border import fit_border
from csad.imaging.canvas import Canvas
from csad.lgst.fit import calibrating, load_lgst, load_out_of_fold
from csad.pseudo_labels.label_maps import load_label_map
from csad.pseudo_labels.record import LABEL_MAPS, PseudoLabels
from csad.scoring.anomaly_model import AnomalyModel
from csad.scoring.branches.training import Training
from csad.scoring.model_folder import Manifest
from csad.scoring.runtimes.torch_runtime import STAGES
from csad.segmentation.fit import labelled_files, load_segmentation
from csad.segmentation.lsa import Component, LabelledImage, components_of

DONORS = 8
"""Labelled images whose components make logical synthetic anomalies."""


def fit(
    line: ProductLine,
    images: ImageSet,
    pseudo_labels: Path,
    segnet: Path,
    lgst: Path,
    output: Path,
    seed: int,
    device: torch.device | str = "cpu",
) -> Manifest:
    """Fit all statistics on normal images and write the model folder.

    Args:
        line: Product line.
        images: Data set; training images make the histograms; they, out of fold, and validation images calibrate.
        pseudo_labels: Output of the clustering stage.
        segnet: Output of the segnet stage.
        lgst: Output of the lgst stage.
        output: The model folder.
        seed: Random seed of the codebook and the synthetic anomalies.
        device: Where the networks look at the images.
    """
    record = PseudoLabels.read(pseudo_labels)
    canvas = canvas_of(line, images)
    backbone = backbone_of(line.backbone, stages=STAGES)
    network, students = load_segmentation(segnet, backbone), load_lgst(lgst, backbone)
    shared = AnomalyModel(backbone, students.teacher, ()).to(device)
    with open_canvases(line, canvas, images.train) as train:
        training = Training(
            line=line,
            images=train,
            types=np.array([record.types[file.stem] for file in images.train], dtype=np.int64),
            groups=images.groups_of(images.train),
            backbone=accelerated(shared.backbone),
            teacher=shared.teacher,
            network=network.to(device) if network else None,
            lgst=students.to(device),
            unseen=load_out_of_fold(lgst),
            seed=seed,
            device=device,
        )
        fitted = fit_branches(training)
    donors = _donors(line, canvas, labelled_files(images, record), pseudo_labels)
    trained = [images.train[index] for index in calibrating(len(images.train))] if fitted.out_of_fold else []
    files = [*trained, *images.validation]
    with open_canvases(line, canvas, images.validation) as validation:
        calibration = calibrate(fitted.model, fitted.out_of_fold, validation, donors, seed)
        decision = decide(line, calibration, files, images.groups_of(files))
        # What is exported and written is torch's, as the reference is that runtimes are compared with.
        model = replace(fitted.model, backbone=shared.backbone)
        exported = None
        if line.runtime.export:
            exported = export(line, output, canvas, model, decision, calibration, validation)
    return write(
        output,
        line,
        canvas,
        model,
        calibration,
        decision,
        fit_border(sample_images(line, images.train).images),
        exported,
        classes=network.classes if network else 0,
        types=record.type_count,
        snapshot=images.training_digest,
        seed=seed,
        registration=read_registration(images.root),
    )


def _donors(
    line: ProductLine, canvas: Canvas, labelled: Sequence[ImageFile], pseudo_labels: Path
) -> list[list[Component]]:
    """Components of a few labelled images."""
    files = labelled[:: max(1, len(labelled) // DONORS)][:DONORS]
    if not files:
        return []
    with open_canvases(line, canvas, files) as canvases:
        labels = [canvas.labels_to_input(load_label_map(pseudo_labels / LABEL_MAPS, file.stem)) for file in files]
        return [components_of(LabelledImage(canvases[i].copy(), label)) for i, label in enumerate(labels)]
