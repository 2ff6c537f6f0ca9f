"""Patch histogram: how much of each class an image and its cells hold, and how unusual that is (paper 3.3, Eq. 4).

Eq. 4 is the Mahalanobis distance sqrt((h - mu)^T Sigma^-1 (h - mu)): h the class histogram of an image (`histograms`),
mu their mean over normal images (`means`), Sigma^-1 the inverse covariance (`precisions`), for each patch size
(`grids`: 1 and 2 are the paper's patches of 256 and 128 pixels). Ours: Sigma after Ledoit and Wolf
(doi:10.1016/S0047-259X(03)00096-4) plus a floor, and one Gaussian per product type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from csad.config.settings import HistogramSettings

FLOOR_PIXELS = 4.0
"""A class may differ by about this many pixels of the label grid before it counts, whatever training showed."""

MAP_STRIDE = 4
"""Pixels of the input per cell of the component network's map."""

MINIMUM_IMAGES_PER_TYPE = 8
"""Types with fewer training images have a mean of their own but share the covariance of all types."""


def class_fractions(probabilities: Tensor, grid: int) -> Tensor:
    """Fraction of each cell that each component class covers; the background is left out.

    Args:
        probabilities: Class probabilities (soft) or one-hot labels (hard), float32 (B, K + 1, h, w).
        grid: Cells per side, P.

    Returns:
        float32 (B, K * P * P) in 0..1, class by class.
    """
    return functional.adaptive_avg_pool2d(probabilities[:, 1:], grid).flatten(1)


def one_hot_argmax(probabilities: Tensor) -> Tensor:
    """One-hot of the likeliest class (B, K + 1, h, w): the paper's counting."""
    likeliest = functional.one_hot(probabilities.argmax(dim=1), probabilities.shape[1])
    return likeliest.movedim(-1, 1).to(probabilities.dtype)


@dataclass(frozen=True)
class GaussianPerType:
    """Mean and precision of a histogram, one per product type.

    Attributes:
        means: float64 (T, D).
        precisions: float64 (T, D, D).
    """

    means: Tensor
    precisions: Tensor

    def distance(self, histograms: Tensor) -> Tensor:
        """Mahalanobis distance (Eq. 4) to the nearest type: (B, D) -> float64 (B,)."""
        return self._squared(histograms).amin(dim=1).clamp_min(0).sqrt()

    def _squared(self, histograms: Tensor) -> Tensor:
        centred = histograms.double().unsqueeze(1) - self.means  # (B, T, D)
        return torch.einsum("btd,tde,bte->bt", centred, self.precisions, centred)

    def tensors(self) -> dict[str, Tensor]:
        """Flat tensors for the model folder."""
        return {"means": self.means.contiguous(), "precisions": self.precisions.contiguous()}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> GaussianPerType:
        """Rebuild what `tensors` stored."""
        return cls(tensors["means"], tensors["precisions"])


class FactoredGaussians:
    """The same distances in single precision: |F (h - mean)| with F'F = precision, so that nothing cancels.

    Args:
        gaussians: Gaussians as fitted, in double precision.
    """

    def __init__(self, gaussians: GaussianPerType) -> None:
        symmetric = (gaussians.precisions + gaussians.precisions.transpose(1, 2)) / 2
        values, vectors = torch.linalg.eigh(symmetric)
        self.means = gaussians.means.float()  # (T, D)
        self.factors = (vectors * values.clamp_min(0).sqrt().unsqueeze(1)).float()  # (T, D, D)

    def distance(self, histograms: Tensor) -> Tensor:
        """Mahalanobis distance (Eq. 4) to the nearest type: float32 (B, D) -> (B,)."""
        centred = histograms.unsqueeze(0) - self.means.unsqueeze(1)  # (T, B, D)
        return torch.matmul(centred, self.factors).square().sum(dim=2).amin(dim=0).sqrt()


def fit_gaussians(
    histograms: NDArray[np.float64],
    types: NDArray[np.int64],
    noise: float,
    settings: HistogramSettings,
    changes: NDArray[np.float64] | None = None,
) -> GaussianPerType:
    """Fit one Gaussian per product type.

    Args:
        histograms: (N, D), of normal images.
        types: Product type per image, int (N,); -1 belongs to none and is left out.
        noise: Fraction of a cell that may always change sides.
        settings: The kind of covariance, and whether the histograms are square roots.
        changes: By how much histograms change without a defect, (C, D): their second moment is added to every
            covariance, so that these directions count less and all others as much as before.
    """
    groups = [histograms[types == kind] for kind in np.unique(types[types >= 0])]
    if len(histograms) < MINIMUM_IMAGES_PER_TYPE or not groups:
        groups = [histograms]
    means = [group.mean(axis=0) for group in groups]
    centred = np.concatenate([group - mean for group, mean in zip(groups, means, strict=True)])
    precisions = [
        _precision(
            group if len(group) >= MINIMUM_IMAGES_PER_TYPE or len(groups) == 1 else centred,
            noise_variance(mean, noise, settings.square_root),
            settings.covariance,
            changes,
        )
        for group, mean in zip(groups, means, strict=True)
    ]
    return GaussianPerType(torch.from_numpy(np.stack(means)), torch.from_numpy(np.stack(precisions)))


def noise_variance(means: NDArray[np.float64], noise: float, square_root: bool) -> NDArray[np.float64]:
    """Variance that each entry always has: twice its root is what `noise` more of a class would change.

    Near zero a square root turns that into its own root, but of what a product holds a lot of it changes little: the
    same variance everywhere would hide a missing part among many.

    Args:
        means: Entries of normal images, (D,).
        noise: Fraction of a cell.
        square_root: The entries are square roots of fractions.
    """
    change = np.sqrt(np.square(means) + noise) - means if square_root else np.full_like(means, noise)
    return np.asarray(np.square(change / 2))


def _precision(
    histograms: NDArray[np.float64],
    floors: NDArray[np.float64],
    covariance: str,
    changes: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    from sklearn.covariance import LedoitWolf  # a second to import, and only fitting needs it

    if covariance == "pseudo_inverse":
        spread = np.atleast_2d(np.cov(histograms, rowvar=False)) if len(histograms) > 1 else np.zeros((1, 1))
        return np.asarray(np.linalg.pinv(np.broadcast_to(spread, (histograms.shape[1],) * 2)))
    spread = np.zeros((histograms.shape[1],) * 2)
    if len(histograms) > 1:
        spread = LedoitWolf().fit(histograms).covariance_
    if changes is not None and len(changes):
        spread = spread + changes.T @ changes / len(changes)
    return np.asarray(np.linalg.inv(spread + np.diag(floors)))


@dataclass(frozen=True)
class PatchHistogram:
    """The Gaussians of every grid of a class map.

    Attributes:
        grids: Cells per side of each grid.
        gaussians: One per grid.
        settings: How fractions are counted.
    """

    grids: tuple[int, ...]
    gaussians: tuple[GaussianPerType | FactoredGaussians, ...]
    settings: HistogramSettings

    def distances(self, probabilities: Tensor) -> Tensor:
        """Distance per grid: class probabilities (B, K + 1, h, w) -> float64 (B, G)."""
        histograms = grid_histograms(probabilities, self.settings)
        pairs = zip(histograms, self.gaussians, strict=True)
        return torch.stack([gaussian.distance(histogram) for histogram, gaussian in pairs], dim=1)

    def in_single_precision(self) -> PatchHistogram:
        """The same for an exported graph, in which double precision is not to be had everywhere."""
        fitted = (gaussian for gaussian in self.gaussians if isinstance(gaussian, GaussianPerType))
        return PatchHistogram(self.grids, tuple(map(FactoredGaussians, fitted)), self.settings)

    def tensors(self) -> dict[str, Tensor]:
        """Flat tensors for the model folder."""
        flat = {}
        for grid, gaussian in zip(self.grids, self.gaussians, strict=True):
            assert isinstance(gaussian, GaussianPerType)
            flat.update({f"grid{grid}.{name}": value for name, value in gaussian.tensors().items()})
        return flat

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], settings: HistogramSettings) -> PatchHistogram:
        """Rebuild what `tensors` stored."""
        gaussians = []
        for grid in settings.grids:
            prefix = f"grid{grid}."
            part = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
            gaussians.append(GaussianPerType.from_tensors(part))
        return cls(tuple(settings.grids), tuple(gaussians), settings)


def grid_histograms(probabilities: Tensor, settings: HistogramSettings) -> list[Tensor]:
    """Histograms of each grid: (B, K + 1, h, w) -> one (B, K * P * P) per grid of P x P cells."""
    values = counted_map(probabilities, settings)
    histograms = [class_fractions(values, grid) for grid in settings.grids]
    return [histogram.sqrt() for histogram in histograms] if settings.square_root else histograms


def counted_map(probabilities: Tensor, settings: HistogramSettings) -> Tensor:
    """What is counted of class probabilities (B, K + 1, h, w): soft or one-hot, (B, K + 1, H, W) at the resolution."""
    if settings.resolution == "input":
        probabilities = functional.interpolate(
            probabilities, scale_factor=MAP_STRIDE, mode="bilinear", align_corners=False
        )
    return probabilities if settings.soft else one_hot_argmax(probabilities)


def fit_patch_histogram(
    histograms: Sequence[NDArray[np.float64]],
    types: NDArray[np.int64],
    pixels: int,
    settings: HistogramSettings,
    changes: Sequence[NDArray[np.float64]] = (),
) -> PatchHistogram:
    """Fit the Gaussians of all grids.

    Args:
        histograms: Per grid (N, D_grid), as `grid_histograms` made them.
        types: Product type per image, int (N,).
        pixels: Cells of the class map that the fractions were taken over.
        settings: Grids and the kind of covariance.
        changes: Per grid, how histograms change without a defect, (C, D_grid); empty where that is unknown.
    """
    types = types if settings.per_type else np.zeros_like(types)
    gaussians = []
    known: Sequence[NDArray[np.float64] | None] = changes or [None] * len(histograms)
    for grid, histogram, change in zip(settings.grids, histograms, known, strict=True):
        gaussians.append(fit_gaussians(histogram, types, FLOOR_PIXELS * grid**2 / pixels, settings, change))
    return PatchHistogram(tuple(settings.grids), tuple(gaussians), settings)
