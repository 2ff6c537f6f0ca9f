"""Separate parts of a foreground, and whether normal images show them reliably.

Ours, in place of the foundation models of paper 3.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

MINIMUM_AREA = 0.001
"""Fraction of the canvas; smaller masks are dropped (paper, released program)."""

MINIMUM_PARTS = 3
MINIMUM_COVERAGE, MAXIMUM_COVERAGE = 0.02, 0.4
MAXIMUM_SPREAD = 0.25
"""When a product counts as a set of separate parts: their median number, the fraction of the image that they cover
and how much that fraction varies between normal images."""

OVERLAP_SIDE = 128
"""Masks are compared at this size, both sides."""

Segmenter = Callable[[NDArray[np.uint8]], "NDArray[np.bool_] | None"]
"""Image uint8 (H, W, 3) -> mask of the parts at any size, or None where it cannot tell."""


@dataclass(frozen=True)
class PartStatistics:
    """How a way of finding parts behaves over normal images.

    Attributes:
        count: Median number of parts.
        variation: Standard deviation of that number over its mean; normal products hold the same parts.
        coverage: Mean fraction of the image that they cover.
        spread: Standard deviation of that fraction over its mean.
        overlap: Intersection over union of an image's parts with those of the most similar other image, median.
    """

    count: float
    variation: float
    coverage: float
    spread: float
    overlap: float

    def reliable(self) -> bool:
        """Whether this looks like a set of separate parts on a background."""
        return (
            self.count >= MINIMUM_PARTS
            and MINIMUM_COVERAGE <= self.coverage <= MAXIMUM_COVERAGE
            and self.spread <= MAXIMUM_SPREAD
        )

    def single_body(self) -> bool:
        """Whether this looks like one product that stands out everywhere."""
        return 1 <= self.count < MINIMUM_PARTS and self.coverage >= MINIMUM_COVERAGE and self.spread <= MAXIMUM_SPREAD

    def describe(self) -> str:
        """One line for the log."""
        verdict = "separate parts" if self.reliable() else "one body" if self.single_body() else "no parts to tell"
        return (
            f"a median of {self.count:.0f} parts (varying by {100 * self.variation:.0f} %) covers "
            f"{100 * self.coverage:.0f} % (varying by {100 * self.spread:.0f} %), "
            f"{100 * self.overlap:.0f} % of it at the places of another image: "
            f"{verdict}"
        )


def measure_parts(segment: Segmenter, images: Iterable[NDArray[np.uint8]]) -> PartStatistics:
    """Count the parts of normal images and what they cover."""
    counts, coverages, masks = [], [], []
    for image in images:
        foreground = segment(image)
        parts = [] if foreground is None else separate_parts(foreground)
        counts.append(len(parts))
        coverages.append(sum(float(part.mean()) for part in parts))
        covered = np.any(parts, axis=0) if parts else np.zeros((1, 1), bool)
        masks.append(
            np.asarray(Image.fromarray(covered).resize((OVERLAP_SIDE, OVERLAP_SIDE), Image.Resampling.NEAREST))
        )
    return PartStatistics(
        count=float(np.median(counts)),
        variation=_relative_deviation(counts),
        coverage=float(np.mean(coverages)),
        spread=_relative_deviation(coverages),
        overlap=largest_overlap(np.stack(masks)),
    )


def _relative_deviation(values: Sequence[float]) -> float:
    mean = float(np.mean(values))
    return float(np.std(values)) / mean if mean > 0 else np.inf


def largest_overlap(masks: NDArray[np.bool_]) -> float:
    """How much each mask overlaps with the one most like it (intersection over union), (N, h, w): the median, 0..1."""
    flat = masks.reshape(len(masks), -1).astype(np.float32)
    areas = flat.sum(axis=1)
    common = flat @ flat.T
    overlaps = common / np.maximum(areas[:, None] + areas - common, 1)
    np.fill_diagonal(overlaps, 0)
    return float(np.median(overlaps.max(axis=1)))


def separate_parts(foreground: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Split a foreground mask (h, w) into its connected parts, specks left out, largest first."""
    labels, count = ndimage.label(foreground)
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    areas[0] = 0
    kept = [part for part in np.argsort(-areas, kind="stable") if areas[part] >= MINIMUM_AREA * foreground.size]
    return [labels == part for part in kept]
