"""Group the components of all images into classes (paper 3.1).

Mean shift on one vector per component; clusters with fewer members than alpha, half the number of images, are dropped.
Ours counts the images that show a cluster, and takes the bandwidth as a quantile of pairwise distances.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from csad.common.errors import TooFewComponents
from csad.config.settings import PseudoLabelSettings
from csad.pseudo_labels.mean_shift import mean_shift, pairwise_quantile

SWEEP = (0.01, 0.02, 0.03, 0.05, 0.08, 0.12)
"""Quantiles that a bandwidth sweep tries."""

SWEEP_COMPONENTS = 5000
"""A sweep looks at as many whole images as hold this many components."""

MAXIMUM_DROPPED = 0.05
"""Fraction of the components that alpha may drop before the bandwidth is widened."""

LEAST_IMAGES = 3
"""With few images a fraction of them is one, and every odd region would be a class."""

MAXIMUM_VARIATION = 0.1
"""Variance over mean of a class's number per image, above which objects are not told apart by what they are: a kind
of part comes in a fixed number, but which of two halves of one kind a part falls into is chance."""

WIDENING = 1.5
WIDEST = 0.5
"""Steps of the widening, and the quantile at which it ends."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Clustering:
    """Components grouped into classes 1..K.

    Attributes:
        labels: Class of each component, int64 (N,); 0 where its cluster was dropped.
        centres: Mean feature of each class, float32 (K, C).
        bandwidth: Bandwidth of the mean shift.
        quantile: Quantile of the pairwise distances that the bandwidth is; None where the line states the bandwidth.
        sizes: Components per class, int64 (K,).
        images_per_cluster: Images that contain the class, int64 (K,).
        alpha: Images that a cluster had to appear in, or members that it had to have (`alpha_counts`).
        found: Clusters before alpha.
    """

    labels: NDArray[np.int64]
    centres: NDArray[np.float32]
    bandwidth: float
    quantile: float | None
    sizes: NDArray[np.int64]
    images_per_cluster: NDArray[np.int64]
    alpha: int
    found: int

    @property
    def class_count(self) -> int:
        """Classes, background excluded."""
        return len(self.sizes)

    @property
    def dropped_fraction(self) -> float:
        """Fraction of the components whose cluster was dropped."""
        return float(np.mean(self.labels == 0)) if len(self.labels) else 0.0


@dataclass(frozen=True)
class SweepPoint:
    """What one bandwidth would give.

    Attributes:
        quantile: Quantile of the pairwise distances.
        bandwidth: That quantile.
        found: Clusters before alpha.
        kept: Clusters that reach alpha.
        dropped_fraction: Fraction of the components in the others.
        variation: Variance over mean of the number of components of a class in an image, mean over the components in
            classes: 0 where every image holds the same, about 1 where chance decides.
    """

    quantile: float
    bandwidth: float
    found: int
    kept: int
    dropped_fraction: float
    variation: float


def minimum_images(settings: PseudoLabelSettings, image_count: int) -> int:
    """Images that a cluster must appear in, or members that it must have: the paper's alpha.

    At least `LEAST_IMAGES`, or half of fewer than that.
    """
    # Rounded first: 0.1 of 30 images is 3, not the 4 that binary fractions make of it.
    wanted = math.ceil(round(settings.minimum_image_fraction * image_count, 6))
    return max(1, wanted, min(LEAST_IMAGES, math.ceil(image_count / 2)))


def cluster_components(
    features: NDArray[np.floating],
    image_of_component: NDArray[np.integer],
    image_count: int,
    settings: PseudoLabelSettings,
    seed: int,
    areas: NDArray[np.integer] | None = None,
    objects: bool = False,
) -> Clustering:
    """Group components by mean shift and keep the groups that appear in enough images.

    Args:
        features: One row per component, (N, C).
        image_of_component: Image that holds each component, (N,), 0..image_count - 1.
        image_count: All training images, those without a component included.
        settings: Bandwidth (or its quantile) and the fraction of the images that makes alpha.
        seed: Draws the subsamples of the bandwidth and of mean shift.
        areas: Pixels of each component, (N,); without them every component counts as one.
        objects: Each component is an object, of which products hold a fixed number.

    Returns:
        Classes in order of their pixels, the largest first.

    Raises:
        TooFewComponents: No cluster reaches alpha; the message names the three largest and their counts.
    """
    alpha = minimum_images(settings, image_count)
    if len(features) == 0:
        raise TooFewComponents(
            f"no component was found in {image_count} images, expected some in at least {alpha}; "
            "look at the masks and try another proposer or another product box"
        )
    quantile, bandwidth = None, settings.bandwidth
    if bandwidth is None:
        quantile = choose_quantile(features, image_of_component, image_count, settings, seed, objects)
        bandwidth = pairwise_quantile(features, quantile, seed)
    modes = mean_shift(features, bandwidth, seed)
    found = len(modes.centres)
    sizes = np.bincount(modes.labels, minlength=found)
    images = _images_per_cluster(modes.labels, image_of_component, found)
    counted = sizes if settings.alpha_counts == "members" else images
    weight = np.bincount(modes.labels, weights=np.ones(len(features)) if areas is None else areas, minlength=found)
    kept = np.flatnonzero(counted >= alpha)
    kept = kept[np.argsort(-weight[kept], kind="stable")]
    if len(kept) == 0:
        raise TooFewComponents(_explain(counted, alpha, image_count, bandwidth, settings))
    renumbered = np.zeros(found, dtype=np.int64)
    renumbered[kept] = np.arange(1, len(kept) + 1)
    clustering = Clustering(
        labels=renumbered[modes.labels],
        centres=modes.centres[kept],
        bandwidth=bandwidth,
        quantile=quantile,
        sizes=sizes[kept],
        images_per_cluster=images[kept],
        alpha=alpha,
        found=found,
    )
    logger.info(
        "clustering: %d components, bandwidth %.4g, %d clusters, %d with at least %d %s for %d images, %.1f %% dropped",
        len(features), bandwidth, found, len(kept), alpha, settings.alpha_counts, image_count,
        100 * clustering.dropped_fraction,
    )  # fmt: skip
    return clustering


def choose_quantile(
    features: NDArray[np.floating],
    image_of_component: NDArray[np.integer],
    image_count: int,
    settings: PseudoLabelSettings,
    seed: int,
    objects: bool = False,
) -> float:
    """Widen the line's quantile until alpha drops at most 5 % of the components.

    How wide a class is in pairwise distances depends on how many classes there are: .03 suits bottles of forty regions
    (3 % dropped), but tears the four kinds of part of a fastener kit into 128 pieces and drops a third of them.

    Objects tell more: it is widened on until their numbers hardly vary, unless they vary at every width, as where a
    line makes several types.

    Args:
        features: (N, C), N at least 1.
        image_of_component: (N,), 0..image_count - 1.
        image_count: All training images.
        settings: The quantile to start from and alpha.
        seed: Draws the images that are looked at when there are many components.
        objects: Each component is an object, of which products hold a fixed number.

    Returns:
        The first quantile of the line's own, 1.5 times as much, and so on that drops few (and whose numbers vary
        little); where none does, the one that drops least.
    """
    ladder = [settings.bandwidth_quantile]
    while ladder[-1] * WIDENING <= WIDEST:
        ladder.append(ladder[-1] * WIDENING)
    points, owners, images = _some_images(features, image_of_component, image_count, seed)
    alpha = minimum_images(settings, images)
    tried: list[SweepPoint] = []
    for quantile in ladder:
        point = _try_quantile(points, owners, alpha, quantile, seed, settings)
        tried.append(point)
        if point.dropped_fraction <= MAXIMUM_DROPPED and (not objects or point.variation <= MAXIMUM_VARIATION):
            return point.quantile
    dropping_few = [point for point in tried if point.dropped_fraction <= MAXIMUM_DROPPED]
    return (dropping_few[0] if dropping_few else min(tried, key=lambda point: point.dropped_fraction)).quantile


def bandwidth_sweep(
    features: NDArray[np.floating],
    image_of_component: NDArray[np.integer],
    image_count: int,
    settings: PseudoLabelSettings,
    seed: int,
    quantiles: Sequence[float] = SWEEP,
) -> list[SweepPoint]:
    """Show what other bandwidths would give, for people: the number of classes is not monotone in it.

    Args:
        features: (N, C).
        image_of_component: (N,), 0..image_count - 1.
        image_count: All training images.
        settings: The fraction of the images that makes alpha.
        seed: Draws the images that are looked at when there are many components.
        quantiles: Quantiles of the pairwise distances to try.

    Returns:
        One point per quantile, in their order; none when there are no components.
    """
    if len(features) == 0:
        return []
    points, owners, images = _some_images(features, image_of_component, image_count, seed)
    alpha = minimum_images(settings, images)
    return [_try_quantile(points, owners, alpha, quantile, seed, settings) for quantile in quantiles]


def _some_images(
    features: NDArray[np.floating], image_of_component: NDArray[np.integer], image_count: int, seed: int
) -> tuple[NDArray[np.floating], NDArray[np.integer], int]:
    """Components of enough random images, the images they lie in, and how many images that are."""
    components = np.bincount(image_of_component, minlength=image_count)
    order = np.random.default_rng(seed).permutation(image_count)
    enough = min(image_count, int(np.searchsorted(np.cumsum(components[order]), SWEEP_COMPONENTS)) + 1)
    looked_at = np.isin(image_of_component, order[:enough])
    return features[looked_at], image_of_component[looked_at], enough


def _try_quantile(
    points: NDArray[np.floating],
    owners: NDArray[np.integer],
    alpha: int,
    quantile: float,
    seed: int,
    settings: PseudoLabelSettings,
) -> SweepPoint:
    bandwidth = pairwise_quantile(points, quantile, seed)
    modes = mean_shift(points, bandwidth, seed)
    by_images = settings.alpha_counts == "images"
    counted = _images_per_cluster(modes.labels, owners, len(modes.centres)) if by_images else np.bincount(modes.labels)
    reached = counted >= alpha
    dropped = float(np.mean(~reached[modes.labels]))
    variation = _variation(modes.labels, owners, reached)
    return SweepPoint(quantile, bandwidth, len(modes.centres), int(reached.sum()), dropped, variation)


def _variation(labels: NDArray[np.int64], owners: NDArray[np.integer], kept: NDArray[np.bool_]) -> float:
    """How much the numbers of the kept clusters vary between images that hold a component."""
    if not kept.any():
        return 1.0
    images = np.unique(owners, return_inverse=True)[1]
    counts = np.bincount(images * len(kept) + labels, minlength=(images.max() + 1) * len(kept))
    numbers = counts.reshape(-1, len(kept))[:, kept]
    return float((numbers.var(axis=0)).sum() / numbers.mean(axis=0).sum())


def _images_per_cluster(
    labels: NDArray[np.int64], image_of_component: NDArray[np.integer], clusters: int
) -> NDArray[np.int64]:
    pairs = np.unique(np.stack([labels, image_of_component.astype(np.int64)]), axis=1)
    return np.bincount(pairs[0], minlength=clusters)


def _explain(
    counted: NDArray[np.int64], alpha: int, image_count: int, bandwidth: float, settings: PseudoLabelSettings
) -> str:
    largest = ", ".join(str(count) for count in np.sort(counted)[::-1][:3].tolist())
    of_members = settings.alpha_counts == "members"
    wanted = f"has {alpha} members for" if of_members else f"appears in {alpha} of"
    verb = "have" if of_members else "appear in"
    return (
        f"none of {len(counted)} clusters (bandwidth {bandwidth:.4g}) {wanted} {image_count} images; "
        f"the largest {verb} {largest}; lower pseudo_labels.minimum_image_fraction, raise "
        "pseudo_labels.bandwidth_quantile, or look at the masks"
    )
