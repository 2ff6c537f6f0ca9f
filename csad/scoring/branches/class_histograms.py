"""Histograms of the classes of all training images, and the Gaussians that are fitted on them (paper 3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from csad.config.settings import HistogramSettings
from csad.scoring.branches.observer import OutOfFold
from csad.scoring.histogram import PatchHistogram, fit_patch_histogram, grid_histograms


@dataclass(frozen=True)
class ClassHistograms:
    """Histograms of one branch over the training images.

    Attributes:
        per_grid: float64 (N, D_grid) for each grid.
        copies: The same of copies in other light and a little aside, float64 (C, D_grid), which show
            what a lamp or a fixture changes.
        copied: Which image each copy shows, int64 (C,).
        pixels: Cells of the class map that the fractions were taken over.
    """

    per_grid: list[NDArray[np.float64]]
    copies: list[NDArray[np.float64]]
    copied: NDArray[np.int64]
    pixels: int

    def fit(
        self, types: NDArray[np.int64], settings: HistogramSettings, rows: NDArray[np.bool_] | None = None
    ) -> PatchHistogram:
        """Fit the Gaussians on all images, or on those of `rows`, bool (N,)."""
        chosen = np.ones(len(types), dtype=bool) if rows is None else rows
        per_grid = [histograms[chosen] for histograms in self.per_grid]
        return fit_patch_histogram(per_grid, types[chosen], self.pixels, settings, self._changes(chosen))

    def _changes(self, chosen: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
        """By how much copies of the chosen images differ from them, float64 (c, D_grid) each."""
        kept = chosen[self.copied]
        images = self.copied[kept]
        return [copies[kept] - own[images] for own, copies in zip(self.per_grid, self.copies, strict=True)]

    def out_of_fold_distances(
        self, types: NDArray[np.int64], folds: NDArray[np.int64], settings: HistogramSettings
    ) -> NDArray[np.float64]:
        """Distance of each image to Gaussians that were fitted without its fold.

        Args:
            types: Product type of each image, int64 (N,).
            folds: Fold of each image, int64 (N,), at least two.
            settings: Grids and the kind of covariance.

        Returns:
            float64 (N, G).
        """
        distances = np.zeros((len(types), len(self.per_grid)))
        for fold in np.unique(folds):
            held = folds == fold
            gaussians = self.fit(types, settings, ~held).gaussians
            for column, (gaussian, histograms) in enumerate(zip(gaussians, self.per_grid, strict=True)):
                distances[held, column] = gaussian.distance(torch.from_numpy(histograms[held])).numpy()
        return distances


@dataclass
class HistogramCollector:
    """Collects the histograms of the training images and of copies, a batch at a time."""

    settings: HistogramSettings
    _per_grid: list[list[Tensor]] = field(default_factory=list)
    _copies: list[list[Tensor]] = field(default_factory=list)
    _copied: list[int] = field(default_factory=list)
    _pixels: int = 0

    def add(self, classes: Tensor) -> None:
        """Count the classes of training images, float32 (B, K + 1, h, w)."""
        self._per_grid.append(grid_histograms(classes, self.settings))
        self._pixels = classes.shape[-1] * classes.shape[-2]

    def add_copies(self, classes: Tensor, images: Sequence[int]) -> None:
        """Count the classes of copies, float32 (B, K + 1, h, w), of these training images."""
        self._copies.append(grid_histograms(classes, self.settings))
        self._copied += images

    def collected(self) -> ClassHistograms:
        """All that was counted."""
        own = _stack(self._per_grid)
        copies = _stack(self._copies) if self._copies else [histograms[:0] for histograms in own]
        return ClassHistograms(own, copies, np.array(self._copied, dtype=np.int64), self._pixels)


def grid_columns(score: str, histogram: PatchHistogram, classes: Tensor) -> dict[str, Tensor]:
    """A column per grid, "score@grid": Mahalanobis distances (Eq. 4) of class maps (B, K + 1, h, w), float64 (B,)."""
    distances = histogram.distances(classes)
    return {f"{score}@{grid}": distances[:, i] for i, grid in enumerate(histogram.grids)}


def out_of_fold_columns(
    score: str,
    histograms: ClassHistograms,
    settings: HistogramSettings,
    types: NDArray[np.int64],
    folds: NDArray[np.int64],
    chosen: Sequence[int],
) -> OutOfFold:
    """The same columns of training images by Gaussians without their fold, float64 (n,) each."""
    distances = histograms.out_of_fold_distances(types, folds, settings)[list(chosen)]
    return {f"{score}@{grid}": distances[:, i] for i, grid in enumerate(settings.grids)}


def _stack(batches: Sequence[Sequence[Tensor]]) -> list[NDArray[np.float64]]:
    """Histograms of several batches by grid, (N, D_grid) each."""
    return [torch.cat(parts).double().numpy() for parts in zip(*batches, strict=True)]
