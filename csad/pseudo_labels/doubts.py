"""Whether classes tell parts of the product apart at all: else the network learns to see nothing.

Ours; a check on the clusters of paper 3.1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from csad.pseudo_labels.cluster import Clustering

MOST = 0.75
"""Fraction of all labelled pixels above which a class is the product rather than a part of it."""


def doubts_about(clustering: Clustering, histograms: NDArray[np.floating]) -> tuple[str, ...]:
    """Say why the classes may be no parts; nothing where there is no reason to.

    Args:
        clustering: The components and their classes, at least one.
        histograms: Fraction of the image per class, (n, K), background excluded.

    Returns:
        At most one sentence, with counts and what to do.
    """
    if clustering.class_count == 1:
        found = (
            f"all {clustering.sizes[0]} components that were kept are of one class: "
            "a histogram of one class cannot tell parts apart"
        )
    else:
        pixels = np.asarray(histograms, dtype=np.float64).sum(axis=0)
        fraction = float(pixels.max() / pixels.sum()) if pixels.any() else 0.0
        if fraction <= MOST:
            return ()
        found = (
            f"class {int(pixels.argmax()) + 1} of {clustering.class_count} fills {fraction:.0%} of what is labelled: "
            "it is most of the product rather than a part of it"
        )
    return (f"{found}; {_remedy(clustering)}",)


def _remedy(clustering: Clustering) -> str:
    if clustering.quantile is None:
        return (
            f"lower pseudo_labels.bandwidth ({clustering.bandwidth:g}), or leave it out, which chooses it by the "
            "distances between this line's components; published values hold for the features they were found with"
        )
    return (
        f"lower pseudo_labels.bandwidth_quantile (found {clustering.quantile:.3g}), and look at the masks: "
        "`csad masks preview`"
    )
