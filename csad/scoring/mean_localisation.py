"""The published map of where an image is unusual: the plain mean of two maps (paper 3.5, appendix D).

One is the students' normalised map. The other shows differences of class histograms: in each cell of each grid a class
that covers more than in the nearest normal image gets the difference where it was predicted, a class that covers less
gets it where the normal image has it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from csad.lgst.maps import HIGH_VALUE, MapNormaliser
from csad.scoring.localisation import resized


def mean_map(students: Tensor | None, others: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
    """Average the students' map and the histogram's of one image; where one is absent the other stands alone.

    Args:
        students: float32 (r, c), as `lgst_map` drew it.
        others: Maps of branches that draw one for this average, float32 (r, c) each.
        size: Height and width of the result.

    Returns:
        float32 (height, width); below 0 where a place is more usual than most.
    """
    maps = [resized(values, size) for values in ([] if students is None else [students]) + list(others)]
    if not maps:
        return torch.zeros(size)
    return torch.stack(maps).mean(dim=0)


def lgst_map(
    maps: Mapping[str, Tensor], scales: Mapping[str, MapNormaliser], on_scale: Collection[str] = ()
) -> Tensor | None:
    """Mean of the normalised maps of one image, float32 (r, c) each and together; None without maps.

    Args:
        maps: Maps of the image, by name.
        scales: Scale of each map.
        on_scale: Names of maps that are on the scale already.
    """
    if not maps:
        return None
    largest = max((values.shape for values in maps.values()), key=lambda shape: shape[0] * shape[1])
    size = (largest[0], largest[1])
    scaled = [values if name in on_scale else scales[name](values) for name, values in maps.items()]
    return torch.stack([resized(values, size) for values in scaled]).mean(dim=0)


def normal_tail_of_mean(alone: bool) -> float:
    """About what the upper tail of normal images' cells reaches: the students' 0.1, halved unless they are alone."""
    return HIGH_VALUE if alone else HIGH_VALUE / 2


def histogram_map(labels: Tensor, normal: Tensor, classes: int, grids: Sequence[int]) -> Tensor:
    """Show differences of class histograms where they are, summed over the grids.

    Args:
        labels: Predicted classes, int64 (h, w), 0 = background.
        normal: Classes of the nearest normal image, int64 (h, w).
        classes: K + 1.
        grids: Cells per side of each grid.

    Returns:
        float32 (h, w), 0 where nothing differs.
    """
    found, usual = _one_hot(labels, classes), _one_hot(normal, classes)
    heat = torch.zeros(labels.shape)
    for grid in grids:
        cells = functional.adaptive_avg_pool2d(found, grid) - functional.adaptive_avg_pool2d(usual, grid)
        difference = functional.interpolate(cells[None], size=labels.shape, mode="nearest")[0]
        difference[0] = 0
        heat += (found * difference.clamp_min(0)).sum(dim=0) + (usual * (-difference).clamp_min(0)).sum(dim=0)
    return heat


def nearest_normal(labels: Tensor, reference_label_maps: Tensor, classes: int) -> Tensor:
    """The normal label map whose class histogram is nearest to that of `labels` (h, w), int64 at its size."""
    found = _fractions(labels, classes)
    fractions = torch.stack([_fractions(normal, classes) for normal in reference_label_maps.long()])
    chosen = reference_label_maps[(fractions - found).square().sum(dim=1).argmin()]
    return functional.interpolate(chosen[None, None].float(), size=labels.shape, mode="nearest")[0, 0].long()


def _fractions(labels: Tensor, classes: int) -> Tensor:
    return torch.bincount(labels.flatten(), minlength=classes)[1:].float() / labels.numel()


def _one_hot(labels: Tensor, classes: int) -> Tensor:
    return functional.one_hot(labels, classes).permute(2, 0, 1).float()
