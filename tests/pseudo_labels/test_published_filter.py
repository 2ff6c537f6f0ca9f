import numpy as np
import pytest

from csad.config.settings import PseudoLabelSettings
from csad.pseudo_labels.cluster import cluster_components
from csad.pseudo_labels.label_filter import filter_label_maps


def histograms():
    """12 images around (.5, .1), 8 around (.1, .5), and one far from both."""
    generator = np.random.default_rng(0)
    first = generator.normal((0.5, 0.1), 0.004, (12, 2))
    second = generator.normal((0.1, 0.5), 0.004, (8, 2))
    return np.concatenate([first, second, [[0.9, 0.9]]])


def filtered(values, clusters):
    return filter_label_maps(values, PseudoLabelSettings(label_clusters=clusters))


def test_the_largest_cluster_alone_is_kept():
    found = filtered(histograms(), "largest")
    assert found.kept[:12].mean() > 0.7  # HDBSCAN may call a few of the rim noise
    assert not found.kept[12:].any()
    assert found.type_count == 1
    assert "the largest is kept (Eq. 1)" in found.reason


def test_all_clusters_are_kept_and_noise_is_not():
    found = filtered(histograms(), "all")
    assert found.type_count == 2
    assert found.kept[12:20].mean() > 0.7
    assert not found.kept[20]


def test_images_that_are_all_alike_are_all_kept():
    assert filtered(np.full((9, 3), 0.2), "largest").kept.all()


def blob(centre, members, images):
    """Components of one kind: `members` points, spread over the first `images` images."""
    points = np.random.default_rng(int(centre)).normal(centre, 0.01, (members, 3))
    return points, np.arange(members) % images


@pytest.mark.parametrize(("counts", "classes"), [("images", 1), ("members", 2)])
def test_alpha_counts_images_or_members(counts, classes):
    # 10 images, alpha is 5. One kind lies in all of them; of another 6 lie in 2 images.
    everywhere, rare = blob(0, 10, 10), blob(9, 6, 2)
    features = np.concatenate([everywhere[0], rare[0]])
    owners = np.concatenate([everywhere[1], rare[1]])
    settings = PseudoLabelSettings(bandwidth=1.0, minimum_image_fraction=0.5, alpha_counts=counts)
    assert cluster_components(features, owners, 10, settings, seed=0).class_count == classes
