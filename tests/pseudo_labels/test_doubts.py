import numpy as np
import pytest

from csad.pseudo_labels.cluster import Clustering
from csad.pseudo_labels.doubts import doubts_about


def clustering(sizes, quantile=None, bandwidth=3.5):
    return Clustering(
        labels=np.repeat(np.arange(1, len(sizes) + 1), sizes),
        centres=np.zeros((len(sizes), 2), np.float32),
        bandwidth=bandwidth,
        quantile=quantile,
        sizes=np.array(sizes),
        images_per_cluster=np.array(sizes),
        alpha=1,
        found=len(sizes),
    )


def test_one_class_of_all_components_is_no_pseudo_label():
    (doubt,) = doubts_about(clustering([146]), np.full((36, 1), 0.1))
    assert "all 146 components that were kept are of one class" in doubt
    assert "lower pseudo_labels.bandwidth (3.5), or leave it out" in doubt


def test_a_class_that_fills_most_of_what_is_labelled_is_the_product():
    # Of twice .1 + .4 = 1.0 labelled, class 2 holds .4 + .4 = .8.
    (doubt,) = doubts_about(clustering([4, 8], quantile=0.03), np.array([[0.1, 0.4], [0.1, 0.4]]))
    assert "class 2 of 2 fills 80% of what is labelled" in doubt
    assert "pseudo_labels.bandwidth_quantile (found 0.03)" in doubt


@pytest.mark.parametrize("histograms", [[[0.3, 0.1]], [[0.1, 0.1], [0.15, 0.0]], [[0.0, 0.0]]])
def test_classes_that_share_the_product_are_in_no_doubt(histograms):
    """At most three quarters: .3 of .4, .25 of .35, and nothing of nothing."""
    assert doubts_about(clustering([4, 8]), np.array(histograms)) == ()
