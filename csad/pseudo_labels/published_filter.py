"""Which label maps are usual by the published rule: clusters of class histograms (paper 3.1, Eq. 1).

Eq. 1 keeps the label maps whose class histogram lies in the largest cluster of HDBSCAN
(doi:10.1007/978-3-642-37456-2_14): `histograms` are those of all images, the cluster found is 0, the others -1.
"""

from __future__ import annotations

import math

import hdbscan
import numpy as np
from numpy.typing import NDArray

from csad.config.settings import PseudoLabelSettings

NOISE = -1
LEAST_CLUSTER = 2
"""HDBSCAN knows no smaller one."""


def published_clusters(histograms: NDArray[np.float64], settings: PseudoLabelSettings) -> tuple[NDArray[np.int64], str]:
    """Cluster plain class histograms with HDBSCAN and keep the largest cluster (Eq. 1), or all of them.

    Where no cluster is as large as `minimum_type_fraction` of the images, smaller ones are tried one image at a time,
    as the published program does.

    Args:
        histograms: Fraction of the image per class, (n, K), background excluded.
        settings: `label_clusters` is "largest" or "all", `minimum_type_fraction` the paper's 10 %.

    Returns:
        Cluster of each image, int64 (n,), -1 where it is left out; and one sentence for people.
    """
    count = len(histograms)
    everything = np.zeros(count, dtype=np.int64)
    smallest = max(LEAST_CLUSTER, math.ceil(round(settings.minimum_type_fraction * count, 6)))
    if count < 2 * LEAST_CLUSTER or np.ptp(histograms, axis=0).max(initial=0.0) < 1e-9:
        return everything, f"the class histograms of {count} images tell no clusters apart; all are kept"
    for size in range(smallest, LEAST_CLUSTER - 1, -1):
        found = hdbscan.HDBSCAN(min_cluster_size=size, core_dist_n_jobs=1).fit_predict(histograms).astype(np.int64)
        if (found != NOISE).any():
            return _kept(found, settings, size)
    return everything, f"HDBSCAN finds no cluster among the class histograms of {count} images; all are kept"


def _kept(found: NDArray[np.int64], settings: PseudoLabelSettings, size: int) -> tuple[NDArray[np.int64], str]:
    sizes = np.bincount(found[found != NOISE])
    noise = int(np.count_nonzero(found == NOISE))
    listed = ", ".join(map(str, sorted(sizes.tolist(), reverse=True)))
    clusters = f"{len(sizes)} {'cluster' if len(sizes) == 1 else 'clusters'} of {listed} images"
    if settings.label_clusters == "all":
        return found, f"{clusters} (at least {size} each), all kept; {noise} images in none are left out"
    largest = int(sizes.argmax())
    left_out = len(found) - int(sizes[largest])
    kept = np.where(found == largest, 0, NOISE)
    return kept, f"{clusters} (at least {size} each); the largest is kept (Eq. 1), {left_out} images are left out"
