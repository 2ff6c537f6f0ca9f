"""What the good training images hold, and what each branch says of them as if it had not seen them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from csad.common.progress import track
from csad.config.settings import HistogramSettings
from csad.images.folds import folds_of
from csad.images.training_images import evenly_spaced
from csad.imaging.canvas import CanvasStore
from csad.lgst.copies import COPIES, REACH, copy_of
from csad.scoring.branches import LOCAL_PART, AnomalyModel, Histograms, raw_scores
from csad.scoring.component_statistics import ComponentStatisticsBuilder
from csad.scoring.fusion import FEW_IMAGES
from csad.scoring.histogram import PatchHistogram, fit_patch_histogram, grid_histograms

BATCH = 8

COPIED_IMAGES = 100
"""Training images whose copies are counted, too: what light and a shift change shows in some of them."""


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


@dataclass(frozen=True)
class NormalImages:
    """The training images, counted and scored.

    Attributes:
        histograms: Class histograms of each histogram branch that is present.
        component_statistics: Builder of the component statistics; None without component classes.
        columns: Raw columns of the maps, float64 (N,) each; the memory banks leave out the image's own group.
    """

    histograms: dict[str, ClassHistograms]
    component_statistics: ComponentStatisticsBuilder | None
    columns: dict[str, NDArray[np.float64]]

    def fit(self, types: NDArray[np.int64], settings: HistogramSettings) -> Histograms:
        """Fit the Gaussians of the histogram branches."""
        fitted = {branch: found.fit(types, settings) for branch, found in self.histograms.items()}
        return Histograms(fitted.get("components"), fitted.get("words"))

    def out_of_fold(
        self,
        types: NDArray[np.int64],
        groups: Sequence[int],
        chosen: Sequence[int],
        settings: HistogramSettings,
        unseen: Mapping[str, Tensor],
    ) -> dict[str, NDArray[np.float64]]:
        """Raw columns of training images by parts that had not seen them; empty where all images are of one group.

        Args:
            types: Product type of each image, int64 (N,).
            groups: Group of near-equal images of each image.
            chosen: The n images to score.
            settings: Grids and the kind of covariance.
            unseen: Columns that other stages scored in this way, float64 (n,) each.

        Returns:
            float64 (n,) each.
        """
        folds = folds_of(groups).numpy()
        if len(np.unique(folds)) < 2:
            return {}
        columns = {name: values[list(chosen)] for name, values in self.columns.items()}
        for branch, found in self.histograms.items():
            distances = found.out_of_fold_distances(types, folds, settings)[list(chosen)]
            columns.update({f"{branch}@{grid}": distances[:, i] for i, grid in enumerate(settings.grids)})
        return columns | {name: values.double().numpy() for name, values in unseen.items()}


@dataclass
class _Collected:
    per_grid: list[list[Tensor]] = field(default_factory=list)
    copies: list[list[Tensor]] = field(default_factory=list)
    pixels: int = 0

    def stacked(self, copied: Sequence[int]) -> ClassHistograms:
        own = _stack(self.per_grid)
        copies = _stack(self.copies) if self.copies else [histograms[:0] for histograms in own]
        return ClassHistograms(own, copies, np.array(copied, dtype=np.int64), self.pixels)


def _stack(batches: Sequence[Sequence[Tensor]]) -> list[NDArray[np.float64]]:
    """Histograms of several batches by grid, (N, D_grid) each."""
    return [torch.cat(parts).double().numpy() for parts in zip(*batches, strict=True)]


def score_normal_images(
    model: AnomalyModel, canvases: CanvasStore, groups: Sequence[int], settings: HistogramSettings, seed: int
) -> NormalImages:
    """Score all training images once, and copies of some.

    Args:
        model: With its codebook.
        canvases: Canvases of the training images.
        groups: Group of near-equal images of each.
        settings: What is counted, and how.
        seed: Random seed for the copies.
    """
    builder = ComponentStatisticsBuilder(len(canvases)) if model.network else None
    collected: dict[str, _Collected] = {}
    columns: list[dict[str, Tensor]] = []
    nothing = Histograms(None, None)
    start = 0
    for batch in track(canvases.batches(BATCH), "Counting components", -(-len(canvases) // BATCH)):
        outputs = model.forward(batch, groups[start : start + len(batch)])
        start += len(batch)
        columns.append(raw_scores(outputs, nothing))
        if builder and outputs.probabilities is not None:
            builder.add(outputs.probabilities)
        for branch, assignments in (("components", outputs.probabilities), ("words", outputs.visual_words)):
            if assignments is not None:
                found = collected.setdefault(branch, _Collected())
                found.per_grid.append(grid_histograms(assignments, settings))
                found.pixels = assignments.shape[-1] * assignments.shape[-2]
    copied = _count_copies(model, canvases, settings, collected, seed) if settings.copies else []
    histograms = {branch: found.stacked(copied) for branch, found in collected.items()}
    return NormalImages(histograms, builder, joined(columns))


def _count_copies(
    model: AnomalyModel,
    canvases: CanvasStore,
    settings: HistogramSettings,
    collected: Mapping[str, _Collected],
    seed: int,
) -> list[int]:
    """Add the histograms of copies of evenly spaced images; which image each copy shows."""
    generator = torch.Generator().manual_seed(seed)
    chosen = evenly_spaced(len(canvases), COPIED_IMAGES)
    copied: list[int] = []
    for start, batch in zip(range(0, len(chosen), BATCH), canvases.batches(BATCH, chosen), strict=True):
        for _ in range(COPIES):
            probabilities, visual_words = model.classes(copy_of(batch, generator, REACH))
            for branch, assignments in (("components", probabilities), ("words", visual_words)):
                if assignments is not None:
                    counted = grid_histograms(assignments, settings)
                    collected[branch].copies.append(counted)
            copied += chosen[start : start + len(batch)]
    return copied


def joined(batches: Sequence[dict[str, Tensor]]) -> dict[str, NDArray[np.float64]]:
    """Columns of several batches, one after the other."""
    return {name: torch.cat([batch[name] for batch in batches]).double().numpy() for name in batches[0]}


def align(
    out_of_fold: Mapping[str, NDArray[np.float64]], validation: Mapping[str, NDArray[np.float64]]
) -> dict[str, NDArray[np.float64]]:
    """Bring out-of-fold columns down to what the whole model would give.

    A part that lacks a fold knows less than the whole one, and a coreset without an image's own patches has holes where
    they were, so out-of-fold distances lie too high. Images that nothing was fitted on show by how much: the medians of
    both are made equal, of distances by a factor, of local scores, which are deviations without a zero of their own, by
    a shift. Nothing is raised, and a handful of validation images shows nothing.

    Args:
        out_of_fold: Columns of training images, float64 (n,) each.
        validation: The same columns of the validation images, float64 (m,) each.

    Returns:
        float64 (n,) each.
    """
    aligned = {}
    for name, values in out_of_fold.items():
        usual, true = float(np.median(values)), float(np.median(validation[name]))
        if len(validation[name]) < FEW_IMAGES or usual <= true:
            aligned[name] = values
        elif name.endswith(LOCAL_PART):
            aligned[name] = values - (usual - true)
        else:
            aligned[name] = values * (true / usual)
    return aligned
