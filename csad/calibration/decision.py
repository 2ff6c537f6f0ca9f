"""Third part of the statistics stage: fusion weights and threshold, from good images alone (paper 3.5)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from csad.calibration.calibrate import Calibration
from csad.calibration.synthetic_anomalies import synthetic_auroc
from csad.config.line import ProductLine
from csad.images import ImageFile
from csad.metrics.threshold import Threshold, choose_threshold
from csad.scoring.fusion import Fusion, fit_fusion, fit_scale

NAMED = 10
"""Odd images that a warning names."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Decision:
    """How scores are made and judged.

    Attributes:
        fusion: Scales and weights of the branches.
        threshold: Above it an image is rejected.
        normal_scores: Scores of the good images that calibrated, ascending, float64 (N,).
        odd_images: Those above the threshold, the oddest first.
        synthetic_detection: Fraction of each kind of synthetic anomaly that scores above the threshold, 0..1.
    """

    fusion: Fusion
    threshold: Threshold
    normal_scores: NDArray[np.float64]
    odd_images: tuple[str, ...]
    synthetic_detection: dict[str, float]


def decide(line: ProductLine, calibration: Calibration, files: Sequence[ImageFile], groups: Sequence[int]) -> Decision:
    """Fit the fusion and choose the threshold.

    Args:
        line: Product line; its fusion and threshold are read.
        calibration: Calibration of good images.
        files: The images of `calibration.normal`, in order.
        groups: Group of near-equal images that each belongs to; one of each group counts.
    """
    products = one_of_each(groups)
    calibration = calibration.of(products)
    fusion = _fuse(line, calibration)
    scores = fusion.combine(fusion.branch_scores(calibration.normal))
    threshold = choose_threshold(scores, line.threshold.false_reject_rate)
    return Decision(
        fusion,
        threshold,
        np.sort(scores),
        _odd_images([files[index] for index in products], scores, threshold.value),
        _synthetic_detection(fusion, calibration, threshold.value),
    )


def one_of_each(groups: Sequence[int]) -> list[int]:
    """The first image of each group: frames of one product are one independent sample, not several."""
    first = dict(zip(reversed(groups), reversed(range(len(groups))), strict=True))
    if len(first) < len(groups):
        logger.info("calibration: %d different products in %d good images", len(first), len(groups))
    return sorted(first.values())


def _fuse(line: ProductLine, calibration: Calibration) -> Fusion:
    scales = {name: fit_scale(values) for name, values in calibration.normal.items()}
    branches = sorted({name.split("@")[0] for name in scales})
    aurocs = synthetic_auroc(calibration.validation, list(calibration.made.values()), scales, branches)
    return fit_fusion(calibration.normal, aurocs, line.fusion.weighting)


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
