"""Keep the label maps that look usual, and tell product types apart by what they are made of (paper 3.1, Eq. 1).

Ours keeps every cluster of HDBSCAN (doi:10.1007/978-3-642-37456-2_14) that is large enough, as a product type; Eq. 1,
which keeps the largest, is in `csad.pseudo_labels.published_filter`.

Histograms are compared by the square root of their fractions, so that a small component counts as much as a large one:
on simulated lines of 1 to 6 types this found the right types where plain fractions drowned them in noise.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from itertools import combinations

import hdbscan
import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import AgglomerativeClustering

from csad.config.settings import PseudoLabelSettings
from csad.pseudo_labels.published_filter import NOISE, published_clusters

MINIMUM_IMAGES = 10
"""Fewer histograms have no density worth speaking of."""

SMALLEST_TYPE = 3
"""Images; any two images make a pair, three make a type."""

NEIGHBOURS = 5
"""HDBSCAN's min_samples; its default, the cluster size, calls a third of a varied type noise."""

MAXIMUM_NOISE = 0.5
"""Above this fraction of noise the clusters are accidents of one broad type."""

LEAST_SEPARATION = 6.0
"""Standard deviations between two types. Density finds clusters of one broad type, too: those of simulated normal,
uniform and exponential fractions lie 2 to 5.4 apart, the three types of real juice bottles 34 to 49."""

NORMAL_QUARTILES = 1.349
"""Distance of a normal distribution's quartiles in standard deviations."""

UNUSUAL = 3.0
"""Robust standard deviations beyond which an image of a type is unusual."""

TINY = 1e-12

logger = logging.getLogger(__name__)

Vectors = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LabelFilter:
    """Which images train as labelled ones, and their product types.

    Attributes:
        kept: bool (n,).
        type_of_image: Product type, int64 (n,), 0 is the most frequent; -1 where the image is noise.
        centres: Mean of the square root of each type's histograms, float64 (T, K); see `nearest_type`.
        reason: One sentence for people: what was found, or why nothing was filtered.
    """

    kept: NDArray[np.bool_]
    type_of_image: NDArray[np.int64]
    centres: Vectors
    reason: str

    @property
    def type_count(self) -> int:
        """Product types."""
        return len(self.centres)


def filter_label_maps(histograms: NDArray[np.floating], settings: PseudoLabelSettings) -> LabelFilter:
    """Find the product types as clusters of class histograms and leave out the images between them.

    Args:
        histograms: Fraction of the image per class, (n, K), background excluded.
        settings: Smallest fraction of a type, number of types, and whether unusual images are left out at all.

    Returns:
        The filter. Where there is nothing to tell apart all images are one type.
    """
    roots = np.sqrt(np.asarray(histograms, dtype=np.float64))
    if settings.label_clusters == "types":
        types, reason = _types(roots, settings)
    else:
        types, reason = published_clusters(np.asarray(histograms, dtype=np.float64), settings)
    types = _most_frequent_first(types)
    centres = _centres(roots, types)
    kept = types != NOISE
    if not settings.label_filter and not kept.all():
        types = np.where(kept, types, nearest_type(histograms, centres))
        kept = np.ones(len(types), dtype=bool)
        reason += ", kept all the same as pseudo_labels.label_filter is false"
    logger.info("label filter: %s", reason)
    return LabelFilter(kept=kept, type_of_image=types, centres=centres, reason=reason)


def nearest_type(histograms: NDArray[np.floating], centres: Vectors) -> NDArray[np.int64]:
    """Assign images to the product type that they resemble most, noise and new images alike.

    Args:
        histograms: (n, K).
        centres: Centres of a `LabelFilter`, (T, K) with T at least 1.

    Returns:
        int64 (n,), 0..T-1.
    """
    roots = np.sqrt(np.asarray(histograms, dtype=np.float64))
    distances: Vectors = np.linalg.norm(roots[:, None] - centres[None], axis=2)
    nearest: NDArray[np.int64] = distances.argmin(axis=1).astype(np.int64)
    return nearest


def _types(roots: Vectors, settings: PseudoLabelSettings) -> tuple[NDArray[np.int64], str]:
    """Type of each image (n,), -1 for noise, and the reason."""
    count = len(roots)
    one_type = np.zeros(count, dtype=np.int64)
    if count < MINIMUM_IMAGES:
        return one_type, f"{count} images are too few to tell types apart (at least {MINIMUM_IMAGES}); all are kept"
    if np.ptp(roots, axis=0).max(initial=0.0) < 1e-9:
        return one_type, f"the class histograms of all {count} images are the same; all are kept as one type"
    smallest = max(SMALLEST_TYPE, math.ceil(round(settings.minimum_type_fraction * count, 6)))
    if settings.types == "auto":
        found = hdbscan.HDBSCAN(
            min_cluster_size=smallest, min_samples=min(NEIGHBOURS, smallest), core_dist_n_jobs=1
        ).fit_predict(roots)
        if np.mean(found == NOISE) <= MAXIMUM_NOISE:
            types = _unite_neighbours(roots, found.astype(np.int64))
            if len(np.unique(types[types != NOISE])) > 1:
                return types, _sentence(types)
        types = _without_unusual(roots, one_type, settings.minimum_type_fraction)
    else:
        parts = min(settings.types, count)
        found = one_type if parts == 1 else AgglomerativeClustering(parts, linkage="ward").fit_predict(roots)
        types = _without_unusual(roots, found.astype(np.int64), settings.minimum_type_fraction)
    sizes = np.bincount(types[types != NOISE], minlength=1)
    too_small = np.flatnonzero(sizes < smallest)
    if len(too_small) < len(sizes):
        types[np.isin(types, too_small)] = NOISE
    return types, _sentence(types)


def _unite_neighbours(roots: Vectors, types: NDArray[np.int64]) -> NDArray[np.int64]:
    """Unite the clusters that run into each other, the nearest first; noise stays noise."""
    united = types.copy()
    while True:
        numbers = np.unique(united[united != NOISE])
        pairs = list(combinations(numbers.tolist(), 2))
        if not pairs:
            return united
        # The images between two clusters count: without them every cut of one type leaves a gap.
        centres = np.array([roots[united == number].mean(axis=0) for number in numbers])
        nearest = numbers[np.linalg.norm(roots[:, None] - centres[None], axis=2).argmin(axis=1)]
        members = np.where(united == NOISE, nearest, united)
        separations = [_separation(roots[members == one], roots[members == other]) for one, other in pairs]
        closest = int(np.argmin(separations))
        if separations[closest] >= LEAST_SEPARATION:
            return united
        one, other = pairs[closest]
        united[united == other] = one


def _separation(one: Vectors, other: Vectors) -> float:
    """Distance of two groups (n, K) along the line between their means, in robust standard deviations.

    Ashman's D with medians and quartiles: an odd image or two must not hide a gap.
    """
    line = one.mean(axis=0) - other.mean(axis=0)
    line /= max(float(np.linalg.norm(line)), TINY)
    quartiles = [np.quantile(group @ line, (0.25, 0.5, 0.75)) for group in (one, other)]
    spreads = [(upper - lower) / NORMAL_QUARTILES for lower, _, upper in quartiles]
    distance = abs(float(quartiles[0][1]) - float(quartiles[1][1]))
    return distance / max(float(np.sqrt(np.mean(np.square(spreads)))), TINY)


def _without_unusual(roots: Vectors, types: NDArray[np.int64], fraction: float) -> NDArray[np.int64]:
    """Mark as noise what lies far from its type's median, in robust standard deviations of that distance.

    At most `fraction` of a type is marked: a larger group is no accident.
    """
    usual = types.copy()
    for number in np.unique(types):
        members = types == number
        distances = np.linalg.norm(roots[members] - np.median(roots[members], axis=0), axis=1)
        middle = np.median(distances)
        spread = 1.4826 * np.median(np.abs(distances - middle))
        limit = max(middle + UNUSUAL * spread, np.quantile(distances, 1 - fraction, method="higher"))
        usual[members] = np.where(distances > limit + 1e-9, NOISE, number)
    return usual


def _most_frequent_first(types: NDArray[np.int64]) -> NDArray[np.int64]:
    numbers, first, sizes = np.unique(types[types != NOISE], return_index=True, return_counts=True)
    renumbered = np.full(len(types), NOISE, dtype=np.int64)
    for rank, position in enumerate(np.lexsort((first, -sizes))):
        renumbered[types == numbers[position]] = rank
    return renumbered


def _centres(roots: Vectors, types: NDArray[np.int64]) -> Vectors:
    numbers = range(int(types.max(initial=NOISE)) + 1)
    return np.array([roots[types == number].mean(axis=0) for number in numbers]).reshape(len(numbers), roots.shape[1])


def _sentence(types: NDArray[np.int64]) -> str:
    sizes = sorted((size for size in np.bincount(types[types != NOISE]).tolist() if size), reverse=True)
    kinds = "product type" if len(sizes) == 1 else "product types"
    left_out = np.count_nonzero(types == NOISE)
    return f"{len(sizes)} {kinds} of {', '.join(map(str, sizes))} images, {left_out} left out"
