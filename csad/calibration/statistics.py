"""From trained networks to a model: histograms, synthetic anomalies, fusion, threshold (paper 3.3, 3.5)."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from csad.calibration.normal_images import NormalImages, align, joined, score_normal_images
from csad.calibration.synthetic_anomalies import synthetic_anomalies, synthetic_auroc
from csad.common.progress import track
from csad.config.line import ProductLine
from csad.features.backbone import backbone_of
from csad.features.codebook import Codebook, fit_codebook
from csad.images import ImageFile, ImageSet
from csad.images.training_images import canvas_of, open_canvases, sample_images
from csad.imaging.border import fit_border
from csad.imaging.canvas import Canvas, CanvasStore, to_tensor
from csad.lgst.fit import calibrating, load_lgst, load_out_of_fold
from csad.lgst.maps import SAMPLE_SIZE, CellSample, MapNormaliser
from csad.metrics.threshold import choose_threshold
from csad.pseudo_labels.label_maps import load_label_map
from csad.pseudo_labels.record import LABEL_MAPS, PseudoLabels
from csad.scoring.branches import AnomalyModel, Histograms, raw_scores
from csad.scoring.component_statistics import ComponentStatistics
from csad.scoring.fusion import Fusion, fit_fusion, fit_scale
from csad.scoring.histogram import PatchHistogram
from csad.scoring.localisation import student_maps
from csad.scoring.model_folder import CanvasRecord, Manifest, write_model
from csad.scoring.scorer import STAGES
from csad.segmentation.fit import labelled_files, load_segmentation
from csad.segmentation.lsa import Component, LabelledImage, components_of

BATCH = 8
NAMED = 10
"""Odd images that a warning names."""

DONORS = 8
"""Labelled images whose components make logical synthetic anomalies."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Calibration:
    """What good images say that no part was fitted on.

    Attributes:
        normal: Raw columns, float64 (N,) each: of training images out of fold, then of the validation images.
        validation: The validation images alone.
        made: The same of each kind of synthetic anomaly, by its name.
        map_scale: Scale of each student's map.
    """

    normal: dict[str, NDArray[np.float64]]
    validation: dict[str, NDArray[np.float64]]
    made: dict[str, dict[str, NDArray[np.float64]]]
    map_scale: dict[str, MapNormaliser]

    def of(self, images: Sequence[int]) -> Calibration:
        """The same with only these of the normal images."""
        return replace(self, normal={name: values[list(images)] for name, values in self.normal.items()})


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
    canvas = canvas_of(line, images.train)
    backbone = backbone_of(line.backbone, stages=STAGES)
    model = AnomalyModel(backbone, load_segmentation(segnet, backbone), None, load_lgst(lgst, backbone)).to(device)
    types = np.array([record.types[file.stem] for file in images.train], dtype=np.int64)
    groups = images.groups_of(images.train)
    with open_canvases(line, canvas, images.train) as train:
        if line.histogram.codebook_size:
            codebook = fit_codebook(_features(model, train), len(train), line.histogram.codebook_size, seed)
            model = replace(model, codebook=codebook.to(device))
        normal = score_normal_images(model, train, groups, line.histogram, seed)
    histograms = normal.fit(types, line.histogram)
    component_statistics = normal.component_statistics.build(types) if normal.component_statistics else None
    trained = _scored_training_images(line, model, normal, types, groups, lgst)
    donors = _donors(line, canvas, labelled_files(images, record), pseudo_labels)
    with open_canvases(line, canvas, images.validation) as validation:
        calibration = _calibrate(model, histograms, trained, validation, donors, seed)
    files = [*(images.train[index] for index in calibrating(len(images.train)) if trained), *images.validation]
    products = _one_of_each(images.groups_of(files))
    calibration = calibration.of(products)
    fusion = _fuse(line, calibration)
    scores = fusion.combine(fusion.branch_scores(calibration.normal))
    threshold = choose_threshold(scores, line.threshold.false_reject_rate)
    assert backbone.weights is not None
    manifest = Manifest(
        line=line.to_yaml(),
        seed=seed,
        snapshot=images.training_digest,
        weights={"backbone": asdict(backbone.weights)},
        canvas=CanvasRecord(box=canvas.box, height=canvas.height, width=canvas.width),
        classes=model.network.classes if model.network else 0,
        types=record.type_count,
        fusion=fusion,
        threshold=threshold,
        map_scale={name: (scale.low, scale.high) for name, scale in calibration.map_scale.items()},
        border=fit_border(sample_images(line, images.train).images),
        normal_scores=tuple(float(score) for score in np.sort(scores)),
        odd_images=_odd_images([files[index] for index in products], scores, threshold.value),
        synthetic_detection=_synthetic_detection(fusion, calibration, threshold.value),
    )
    return write_model(output, manifest, _tensors(model, histograms, component_statistics))


def _features(model: AnomalyModel, canvases: CanvasStore) -> Iterator[Tensor]:
    for batch in canvases.batches(BATCH):
        yield model.lgst.teacher(batch)


def _scored_training_images(
    line: ProductLine,
    model: AnomalyModel,
    normal: NormalImages,
    types: NDArray[np.int64],
    groups: Sequence[int],
    lgst: Path,
) -> dict[str, NDArray[np.float64]]:
    """Raw columns of training images by parts that had not seen them; empty where such parts cannot be had."""
    if model.lgst.students:
        logger.info("calibration: the validation images alone, for the student networks saw all training images")
        return {}
    return normal.out_of_fold(types, groups, calibrating(len(types)), line.histogram, load_out_of_fold(lgst))


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


def _calibrate(
    model: AnomalyModel,
    histograms: Histograms,
    trained: dict[str, NDArray[np.float64]],
    canvases: CanvasStore,
    donors: Sequence[Sequence[Component]],
    seed: int,
) -> Calibration:
    generator = np.random.default_rng(seed)
    normal: list[dict[str, Tensor]] = []
    made: dict[str, list[dict[str, Tensor]]] = {}
    samples: dict[str, CellSample] = {}
    for start in track(range(0, len(canvases), BATCH), "Calibrating"):
        batch = [canvases[index] for index in range(start, min(start + BATCH, len(canvases)))]
        outputs = model.forward(to_tensor(np.stack(batch)))
        normal.append(raw_scores(outputs, histograms))
        for name, values in student_maps(outputs).items():
            samples.setdefault(name, CellSample(SAMPLE_SIZE, seed)).add(values)
        others = [canvases[_another(index, len(canvases), generator)] for index in range(start, start + len(batch))]
        for kind, odd in synthetic_anomalies(batch, others, donors, generator).items():
            made.setdefault(kind, []).append(raw_scores(model.forward(to_tensor(np.stack(odd))), histograms))
    validation = joined(normal)
    aligned = align(trained, validation)
    return Calibration(
        normal={
            name: np.concatenate([aligned[name], values]) if aligned else values for name, values in validation.items()
        },
        validation=validation,
        made={kind: joined(batches) for kind, batches in made.items()},
        map_scale={name: MapNormaliser.from_sample(sample.values) for name, sample in samples.items()},
    )


def _another(index: int, count: int, generator: np.random.Generator) -> int:
    """Draw the number of another image; the same one where there is no other."""
    return (index + int(generator.integers(1, count))) % count if count > 1 else index


def _fuse(line: ProductLine, calibration: Calibration) -> Fusion:
    scales = {name: fit_scale(values) for name, values in calibration.normal.items()}
    branches = sorted({name.split("@")[0] for name in scales})
    aurocs = synthetic_auroc(calibration.validation, list(calibration.made.values()), scales, branches)
    return fit_fusion(calibration.normal, aurocs, line.fusion.weighting)


def _one_of_each(groups: Sequence[int]) -> list[int]:
    """The first image of each group: frames of one product are one independent sample, not several."""
    first = dict(zip(reversed(groups), reversed(range(len(groups))), strict=True))
    if len(first) < len(groups):
        logger.info("calibration: %d different products in %d good images", len(first), len(groups))
    return sorted(first.values())


def _odd_images(files: Sequence[ImageFile], scores: NDArray[np.float64], threshold: float) -> tuple[str, ...]:
    """Good images that the model would reject, the oddest first; said once, for they may be no good ones."""
    odd = [files[index].key for index in np.argsort(-scores, kind="stable") if scores[index] > threshold]
    if odd:
        named = ", ".join(odd[:NAMED]) + (", ..." if len(odd) > NAMED else "")
        logger.warning(
            "%d of %d good images look unlike the others; look whether they are good: %s", len(odd), len(files), named
        )
    return tuple(odd)


def _synthetic_detection(fusion: Fusion, calibration: Calibration, threshold: float) -> dict[str, float]:
    found = {
        kind: float((fusion.combine(fusion.branch_scores(columns)) > threshold).mean())
        for kind, columns in calibration.made.items()
    }
    logger.info("synthetic anomalies found: %s", ", ".join(f"{kind} {rate:.0%}" for kind, rate in found.items()))
    return found


def _tensors(
    model: AnomalyModel, histograms: Histograms, component_statistics: ComponentStatistics | None
) -> dict[str, dict[str, Tensor]]:
    tensors = {
        "backbone": dict(model.backbone.pyramid.state_dict()),
        "lgst": model.lgst.tensors(),
    }
    if model.network:
        tensors["segmentation"] = model.network.trainable_state()
    optional: dict[str, Codebook | PatchHistogram | ComponentStatistics | None] = {
        "vocabulary": model.codebook,
        "components": histograms.components,
        "words": histograms.visual_words,
        "inventory": component_statistics,
    }
    tensors.update({name: part.tensors() for name, part in optional.items() if part is not None})
    return tensors
