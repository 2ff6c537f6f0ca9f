import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import MeanShift
from sklearn.metrics import adjusted_rand_score

from benchmarks.mean_shift_speed import draw_components
from csad.pseudo_labels.mean_shift import EXHAUSTIVE, mean_shift, pairwise_quantile


def blobs(points, width, count, seed, spread=1.0, distance=6.0):
    """Points around `count` centres and the blob of each."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(scale=distance, size=(count, width))
    blob = generator.integers(count, size=points)
    return (centres[blob] + spread * generator.normal(size=(points, width))).astype(np.float32), blob


@pytest.mark.parametrize("seed", range(12))
def test_it_finds_the_clusters_of_scikit_learn(seed):
    generator = np.random.default_rng(seed)
    features, _ = blobs(
        int(generator.integers(10, 250)), int(generator.integers(1, 50)), int(generator.integers(1, 6)), seed,
        spread=generator.uniform(0.3, 3),
    )  # fmt: skip
    bandwidth = pairwise_quantile(features, generator.uniform(0.03, 0.5), seed=0)
    reference = MeanShift(bandwidth=bandwidth, bin_seeding=False).fit(features)
    labels, centres = mean_shift(features, bandwidth, seed=0)
    assert adjusted_rand_score(reference.labels_, labels) == 1
    assert len(centres) == len(reference.cluster_centers_)
    order, expected = np.lexsort(centres.T), np.lexsort(reference.cluster_centers_.T)
    assert np.allclose(centres[order], reference.cluster_centers_[expected], atol=1e-3)


def test_a_line_of_points_by_hand():
    # Around 0 and 1 are two points each, around 10 one; within 2 of each other 0, 1 and 2 share the mean 1.
    labels, centres = mean_shift(np.array([[0.0], [1.0], [2.0], [10.0]]), bandwidth=2.5, seed=0)
    assert labels.tolist() == [0, 0, 0, 1]
    assert centres.tolist() == [[1.0], [10.0]]


def test_more_points_than_seeds_still_fall_into_their_blobs():
    features, blob = blobs(EXHAUSTIVE + 1000, 64, 15, seed=3, distance=3)
    labels, centres = mean_shift(features, pairwise_quantile(features, 0.03, seed=0), seed=0)
    assert adjusted_rand_score(blob, labels) > 0.99
    true = np.array([features[blob == label].mean(axis=0) for label in range(15)])
    nearest = np.linalg.norm(centres[:, None] - true[None], axis=2).min(axis=0)
    assert nearest.max() < 0.5  # a blob's own radius is 8


def test_a_small_far_cluster_is_found_among_many_points():
    many, _ = blobs(EXHAUSTIVE + 2000, 16, 3, seed=1)
    rare = np.full((3, 16), 60, dtype=np.float32)
    labels, _ = mean_shift(np.concatenate([many, rare]), bandwidth=8.0, seed=0)
    assert len(set(labels[-3:].tolist())) == 1
    assert labels[-1] not in labels[:-3]


def test_the_same_seed_gives_the_same_clusters():
    features, _ = blobs(EXHAUSTIVE + 500, 32, 8, seed=2)
    first, second = mean_shift(features, 8.0, seed=5), mean_shift(features, 8.0, seed=5)
    assert np.array_equal(first.labels, second.labels)
    assert np.array_equal(first.centres, second.centres)


@settings(max_examples=25)
@given(st.permutations(range(12)), st.integers(0, 5))
def test_permuting_the_points_permutes_their_labels(order, seed):
    features, _ = blobs(12, 3, 3, seed)
    labels = mean_shift(features, 4.0, seed=0).labels
    assert np.array_equal(mean_shift(features[list(order)], 4.0, seed=0).labels, labels[list(order)])


@settings(max_examples=25)
@given(st.floats(0.01, 100), st.floats(-1000, 1000))
def test_scaling_and_moving_the_features_changes_nothing(scale, shift):
    features, _ = blobs(40, 5, 3, seed=4)
    moved = features * scale + shift * scale
    bandwidth = pairwise_quantile(features, 0.2, seed=0)
    assert pairwise_quantile(moved, 0.2, seed=0) == pytest.approx(scale * bandwidth, rel=1e-2)
    labels = mean_shift(moved, pairwise_quantile(moved, 0.2, seed=0), seed=0).labels
    assert adjusted_rand_score(labels, mean_shift(features, bandwidth, seed=0).labels) == 1


def test_the_bandwidth_is_a_quantile_of_the_pairwise_distances():
    # Distances of 0, 1, 3, 7: 1, 2, 3, 4, 6, 7.
    features = np.array([[0.0], [1.0], [3.0], [7.0]])
    assert pairwise_quantile(features, 0.0, seed=0) == 1
    assert pairwise_quantile(features, 0.6, seed=0) == 4
    assert pairwise_quantile(features, 1.0, seed=0) == 7


def test_where_most_points_coincide_the_smallest_true_distance_counts():
    features = np.array([[0.0]] * 9 + [[5.0]])
    assert pairwise_quantile(features, 0.1, seed=0) == 5


@pytest.mark.parametrize("count", [1, 2, 40])
def test_identical_points_are_one_cluster(count):
    features = np.full((count, 320), 7.3, dtype=np.float32)
    assert pairwise_quantile(features, 0.03, seed=0) == 1
    labels, centres = mean_shift(features, 1.0, seed=0)
    assert labels.tolist() == [0] * count
    assert np.allclose(centres, features[:1])


def test_a_bandwidth_below_the_rounding_of_the_distances_separates_what_differs():
    features = np.array([[1000.0, 0], [1000.0, 0], [0, 1000.0]], dtype=np.float32)
    assert mean_shift(features, 1e-12, seed=0).labels.tolist() in ([0, 0, 1], [1, 1, 0])


@pytest.mark.parametrize(("features", "bandwidth"), [(np.zeros((0, 3)), 1.0), (np.zeros((2, 3)), 0.0)])
def test_no_points_and_no_bandwidth_are_refused(features, bandwidth):
    with pytest.raises(ValueError, match="expected points"):
        mean_shift(features, bandwidth, seed=0)


@pytest.mark.slow
def test_twenty_thousand_components_take_less_than_a_minute_on_two_cores():
    features, kind = draw_components(20_000, 320, seed=0)
    started = time.process_time()
    labels, _ = mean_shift(features, pairwise_quantile(features, 0.03, seed=0), seed=0)
    # The time of both cores together, so that what other processes take of them does not count.
    assert time.process_time() - started < 60
    assert adjusted_rand_score(kind, labels) > 0.9


def test_five_thousand_components_take_seconds():
    features, blob = blobs(5000, 320, 40, seed=0, distance=2)
    started = time.process_time()
    labels, _ = mean_shift(features, pairwise_quantile(features, 0.02, seed=0), seed=0)
    assert time.process_time() - started < 15
    assert adjusted_rand_score(blob, labels) > 0.95
