import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csad.common.errors import TooFewComponents
from csad.config.settings import PseudoLabelSettings
from csad.pseudo_labels.cluster import bandwidth_sweep, choose_quantile, cluster_components, minimum_images


def line(fraction=0.5, **values):
    return PseudoLabelSettings(minimum_image_fraction=fraction, **values)


def kit(images, parts, width=24, seed=0, spread=1.0):
    """Every image holds one component around each of `parts` centres."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(scale=6, size=(parts, width))
    features = (centres + spread * generator.normal(size=(images, parts, width))).reshape(-1, width)
    return features.astype(np.float32), np.repeat(np.arange(images), parts), np.tile(np.arange(parts), images)


def test_a_cluster_counts_images_not_components():
    # Four components at 0, all in image 0; three at 9, in three images. Of 4 images, half are 2.
    features = np.array([[0.0], [0.1], [0.2], [0.3], [9.0], [9.1], [9.2]])
    image = np.array([0, 0, 0, 0, 1, 2, 3])
    clustering = cluster_components(features, image, 4, line(bandwidth=1.0), seed=0)
    assert clustering.labels.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert clustering.centres[:, 0] == pytest.approx([9.1])
    assert (clustering.sizes.tolist(), clustering.images_per_cluster.tolist()) == ([3], [3])
    assert (clustering.found, clustering.alpha, clustering.class_count) == (2, 2, 1)
    assert clustering.dropped_fraction == pytest.approx(4 / 7)


def test_classes_are_numbered_by_their_pixels():
    features = np.array([[0.0], [0.1], [5.0], [5.1], [9.0], [9.1]])
    image = np.array([0, 1, 0, 1, 0, 1])
    areas = np.array([10, 10, 400, 350, 60, 60])
    clustering = cluster_components(features, image, 2, line(bandwidth=1.0), seed=0, areas=areas)
    assert clustering.labels.tolist() == [3, 3, 1, 1, 2, 2]
    assert clustering.centres[:, 0] == pytest.approx([5.05, 9.05, 0.05])


def test_without_areas_the_class_with_most_components_is_the_first():
    features = np.array([[0.0], [0.1], [5.0], [5.1], [5.2]])
    clustering = cluster_components(features, np.array([0, 1, 0, 1, 1]), 2, line(bandwidth=1.0), seed=0)
    assert clustering.labels.tolist() == [2, 2, 1, 1, 1]


@pytest.mark.parametrize(
    ("fraction", "images", "alpha"),
    [(0.08, 241, 20), (0.1, 40, 4), (0.5, 9, 5), (0.08, 20, 3), (0.08, 4, 2), (0.08, 1, 1), (0.08, 0, 1)],
)
def test_alpha_is_the_fraction_rounded_up_and_three_images_or_half_of_a_few(fraction, images, alpha):
    assert minimum_images(line(fraction), images) == alpha


def test_too_few_components_names_the_three_largest_clusters():
    features = np.array([[0.0], [0.1], [0.2], [9.0], [9.1], [20.0], [30.0]])
    image = np.array([0, 1, 2, 3, 4, 5, 6])
    with pytest.raises(TooFewComponents, match=r"appears in 8 of 10 images; the largest appear in 3, 2, 1;"):
        cluster_components(features, image, 10, line(0.8, bandwidth=1.0), seed=0)


def test_images_without_any_component_are_too_few_components():
    nothing = np.zeros((0, 0), dtype=np.float32)
    with pytest.raises(TooFewComponents, match="no component was found in 12 images, expected some in at least 6"):
        cluster_components(nothing, np.zeros(0, dtype=np.int64), 12, line(), seed=0)
    assert bandwidth_sweep(nothing, np.zeros(0, dtype=np.int64), 12, line(), seed=0) == []


def test_one_component_in_one_image_is_one_class():
    clustering = cluster_components(np.ones((1, 5)), np.zeros(1, dtype=int), 1, line(), seed=0)
    assert clustering.labels.tolist() == [1]


def test_components_that_all_look_the_same_are_one_class():
    clustering = cluster_components(np.ones((30, 5)), np.repeat(np.arange(10), 3), 10, line(), seed=0)
    assert clustering.class_count == 1
    assert clustering.sizes.tolist() == [30]


@pytest.mark.parametrize("parts", [1, 2, 4, 12, 25])
def test_the_default_bandwidth_finds_few_and_many_kinds_of_parts(parts):
    # Within-class pairs are 1/parts of all, so no single quantile suits them all.
    features, image, part = kit(images=60, parts=parts)
    clustering = cluster_components(features, image, 60, line(0.08), seed=0)
    assert clustering.dropped_fraction <= 0.05
    together = [np.bincount(clustering.labels[part == number]).max() for number in range(parts)]
    assert np.mean(together) > 0.8 * 60
    assert clustering.class_count >= parts


def test_the_quantile_widens_only_as_far_as_it_must():
    features, image, _ = kit(images=60, parts=3)
    settings = line(0.08)
    chosen = choose_quantile(features, image, 60, settings, seed=0)
    (narrower,) = bandwidth_sweep(features, image, 60, settings, seed=0, quantiles=[chosen / 1.5])
    assert chosen > settings.bandwidth_quantile
    assert narrower.dropped_fraction > 0.05


def alike(images, parts, seed=0):
    """Every image holds `parts` objects of one kind, which look a little different in two ways."""
    generator = np.random.default_rng(seed)
    look = generator.integers(2, size=images * parts)[:, None]
    features = 1.8 * look + generator.normal(size=(images * parts, 8))
    return features.astype(np.float32), np.repeat(np.arange(images), parts)


def test_objects_of_one_kind_stay_one_class_although_they_look_different_in_two_ways():
    features, image = alike(images=60, parts=15)
    settings = line(0.08).model_copy(update={"bandwidth_quantile": 0.1})

    regions, objects = (
        cluster_components(features, image, 60, settings, seed=0, objects=objects) for objects in (False, True)
    )

    assert (regions.class_count, objects.class_count) == (2, 1)


def test_objects_whose_numbers_vary_at_every_width_are_grouped_like_regions():
    # Two product types: one holds a part of the first kind, the other one of the second.
    features, image, part = kit(images=60, parts=2)
    shown = part == image % 2
    settings = line(0.08)

    quantiles = [
        choose_quantile(features[shown], image[shown], 60, settings, seed=0, objects=objects)
        for objects in (False, True)
    ]

    assert quantiles[0] == quantiles[1]


def test_the_sweep_shows_how_much_the_numbers_of_a_class_vary():
    # Images 0 and 1 hold one of the first kind each, and two or none of the second: mean 1, variance 1, twice weighted.
    features = np.array([[0.0], [0.1], [9.0], [9.1]])
    (point,) = bandwidth_sweep(features, np.array([0, 1, 0, 0]), 2, line(0.5), seed=0, quantiles=[0.1])
    assert point.variation == pytest.approx((0 + 1) / (1 + 1))


def test_a_stated_bandwidth_is_taken_as_it_is():
    features, image, _ = kit(images=20, parts=3)
    clustering = cluster_components(features, image, 20, line(bandwidth=9.0), seed=0)
    assert (clustering.bandwidth, clustering.quantile) == (9.0, None)


def test_the_sweep_shows_clusters_classes_and_dropped_components():
    # Distances: .5 .5 8.5 9 9 9.5 40.5 41 49.5 50; the quantiles lie a little above .5 and between 9 and 9.5.
    features = np.array([[0.0], [0.5], [9.0], [9.5], [50.0]])
    image = np.array([0, 1, 0, 1, 2])
    narrow, wide = bandwidth_sweep(features, image, 3, line(0.6), seed=0, quantiles=[0.12, 0.5])
    assert narrow.bandwidth == pytest.approx(0.5 + 0.08 * 8)
    assert (narrow.found, narrow.kept, narrow.dropped_fraction) == (3, 2, pytest.approx(0.2))
    assert wide.bandwidth == pytest.approx(9.25)
    assert (wide.found, wide.kept, wide.dropped_fraction) == (2, 1, pytest.approx(0.2))


def test_a_sweep_of_many_components_looks_at_some_images_only():
    features, image, _ = kit(images=900, parts=8, width=6)
    (point,) = bandwidth_sweep(features, image, 900, line(0.5), seed=0, quantiles=[0.11])
    assert (point.found, point.kept, point.dropped_fraction) == (8, 8, 0)


@settings(max_examples=20)
@given(st.permutations(range(30)))
def test_permuting_the_components_permutes_their_labels(order):
    features, image, _ = kit(images=10, parts=3)
    areas = np.arange(30) ** 2
    permuted = list(order)
    labels = cluster_components(features, image, 10, line(), 0, areas).labels
    assert np.array_equal(
        cluster_components(features[permuted], image[permuted], 10, line(), 0, areas[permuted]).labels, labels[permuted]
    )
