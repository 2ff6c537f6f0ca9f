"""Global student as PCA reconstruction error of the whole feature map: no training, seconds to fit (ours; paper 3.4).

It knows which arrangements of features normal products show; what it cannot rebuild is out of place. It suits products
that always lie alike; `csad.scoring.fusion` finds out how much weight it earns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

CELLS = 256
"""Cells that a feature map is pooled to: 16 x 16 on a square canvas."""

MAXIMUM_IMAGES = 512
"""Images that the components are fitted on, besides copies of each; more would only cost memory."""


@dataclass(frozen=True)
class PcaReconstruction:
    """Mean and principal components of the pooled teacher maps.

    Attributes:
        mean: float32 (C, h, w).
        components: Orthonormal rows, float32 (k, C * h * w).
    """

    mean: Tensor
    components: Tensor

    def error_map(self, features: Tensor) -> Tensor:
        """Squared difference from what the components rebuild, averaged over channels.

        Args:
            features: Teacher features, float32 (B, C, H, W).

        Returns:
            float32 (B, h, w), at least 0.
        """
        return self.pooled_errors(pool(features))

    def pooled_errors(self, maps: Tensor) -> Tensor:
        """The same of maps that are pooled already: float32 (B, C, h, w) -> (B, h, w)."""
        centred = (maps - self.mean).flatten(1)
        rebuilt = (centred @ self.components.T) @ self.components
        return (centred - rebuilt).view(-1, *self.mean.shape).square().mean(dim=1)

    def tensors(self) -> dict[str, Tensor]:
        """Flat tensors for the model folder; the components in half precision, which changes scores by < 0.1 %."""
        return {"mean": self.mean.contiguous(), "components": self.components.half().contiguous()}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> PcaReconstruction:
        """Rebuild what `tensors` stored."""
        return cls(tensors["mean"].float(), tensors["components"].float())


def fit_pooled(maps: Tensor, explained_variance: float, maximum_components: int) -> PcaReconstruction:
    """Fit the principal components of normal feature maps.

    Time and memory grow with the square of the images: give at most `MAXIMUM_IMAGES`, from the whole set.

    Args:
        maps: Pooled teacher features of normal images, float32 (N, C, h, w).
        explained_variance: Fraction of the variance to keep, in (0, 1).
        maximum_components: Limit on the components.
    """
    mean = maps.mean(dim=0)
    centred = (maps - mean).flatten(1)
    # The N x N Gram matrix has the same spectrum as the D x D covariance, and N is far smaller than D.
    # It goes to the CPU: every device then keeps as many components, and a few hundred rows gain nothing elsewhere.
    gram = (centred @ centred.T).double().cpu()
    variances, directions = torch.linalg.eigh(gram)
    variances, directions = variances.flip(0).clamp_min(0), directions.flip(1)
    total = variances.sum()
    if total <= 0:
        return PcaReconstruction(mean, torch.zeros(0, centred.shape[1], device=mean.device))
    explained = variances.cumsum(0) / total
    wanted = int((explained < explained_variance).sum()) + 1
    meaningful = int((variances > 1e-7 * variances[0]).sum())
    kept = max(1, min(wanted, maximum_components, meaningful))
    components = (directions[:, :kept] / variances[:kept].sqrt()).T.float().to(mean.device) @ centred
    return PcaReconstruction(mean, components)


def out_of_fold_scores(maps: Tensor, folds: Tensor, explained_variance: float, maximum_components: int) -> Tensor:
    """Largest error of each map under components that were fitted without its fold (cross-conformal).

    Args:
        maps: Pooled, float32 (N, C, h, w); copies of an image among them.
        folds: Fold of each map, int64 (N,); an image and its copies lie in one. With a single fold no map has a score.
        explained_variance: Same as for `fit_pooled`.
        maximum_components: Same as for `fit_pooled`.

    Returns:
        float64 (N,); at least 0, or NaN without a score.
    """
    scores = torch.full((len(maps),), torch.nan, dtype=torch.float64)
    if len(set(folds.tolist())) < 2:
        return scores
    for fold in set(folds.tolist()):
        held = folds == fold
        student = fit_pooled(maps[~held], explained_variance, maximum_components)
        scores[held] = student.pooled_errors(maps[held]).flatten(1).amax(dim=1).double().cpu()
    return scores


def pool(features: Tensor) -> Tensor:
    """Average features (B, C, H, W) to about `CELLS` cells of the same aspect ratio."""
    height, width = features.shape[-2:]
    rows = max(1, min(height, round((CELLS * height / width) ** 0.5)))
    columns = max(1, min(width, round(CELLS / rows)))
    return functional.adaptive_avg_pool2d(features, (rows, columns))
