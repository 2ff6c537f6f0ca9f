"""The published map of where an image is unusual: the plain mean of two maps (paper 3.5, appendix D).

One is the students' normalised map. The other shows differences of class histograms: in each cell of each grid a class
that covers more than in the nearest normal image gets the difference where it was predicted, a class that covers less
gets it where the normal image has it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from csad.imaging.resampling import bilinear, cell_means, nearest
from csad.lgst.maps import HIGH_VALUE, MapNormaliser

Floats = NDArray[np.float32]
Labels = NDArray[np.integer[Any]]


def mean_map(students: Floats | None, others: Sequence[Floats], size: tuple[int, int]) -> Floats:
    """Average the students' map and the histogram's of one image; where one is absent the other stands alone.

    Args:
        students: float32 (r, c), as `lgst_map` drew it.
        others: Maps of branches that draw one for this average, float32 (r, c) each.
        size: Height and width of the result.

    Returns:
        float32 (height, width); below 0 where a place is more usual than most.
    """
    maps = [bilinear(values, size) for values in ([] if students is None else [students]) + list(others)]
    if not maps:
        return np.zeros(size, np.float32)
    return np.asarray(np.mean(maps, axis=0))


def lgst_map(
    maps: Mapping[str, Floats], scales: Mapping[str, MapNormaliser], on_scale: Collection[str] = ()
) -> Floats | None:
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
    return np.asarray(np.mean([bilinear(values, size) for values in scaled], axis=0))


def normal_tail_of_mean(alone: bool) -> float:
    """About what the upper tail of normal images' cells reaches: the students' 0.1, halved unless they are alone."""
    return HIGH_VALUE if alone else HIGH_VALUE / 2


def histogram_map(labels: Labels, normal: Labels, classes: int, grids: Sequence[int]) -> Floats:
    """Show differences of class histograms where they are, summed over the grids.

    Args:
        labels: Predicted classes, (h, w), 0 = background.
        normal: Classes of the nearest normal image, (h, w).
        classes: K + 1.
        grids: Cells per side of each grid.

    Returns:
        float32 (h, w), 0 where nothing differs.
    """
    found, usual = _one_hot(labels, classes), _one_hot(normal, classes)
    heat = np.zeros(labels.shape, np.float32)
    for grid in grids:
        difference = nearest(cell_means(found, grid) - cell_means(usual, grid), (labels.shape[0], labels.shape[1]))
        difference[0] = 0
        heat += (found * np.maximum(difference, 0)).sum(axis=0) + (usual * np.maximum(-difference, 0)).sum(axis=0)
    return heat


def nearest_normal(labels: Labels, reference_label_maps: NDArray[np.uint8], classes: int) -> NDArray[np.uint8]:
    """The normal label map, uint8 (M, r, c), whose class histogram is nearest to that of `labels` (h, w): (h, w)."""
    found = _fractions(labels, classes)
    fractions = np.stack([_fractions(normal, classes) for normal in reference_label_maps])
    chosen = reference_label_maps[np.square(fractions - found).sum(axis=1).argmin()]
    return nearest(chosen, (labels.shape[0], labels.shape[1]))


def _fractions(labels: Labels, classes: int) -> Floats:
    counts = np.bincount(labels.ravel(), minlength=classes)[1:]
    return np.asarray(counts / labels.size, dtype=np.float32)


def _one_hot(labels: Labels, classes: int) -> Floats:
    return np.asarray(labels == np.arange(classes)[:, None, None], dtype=np.float32)
