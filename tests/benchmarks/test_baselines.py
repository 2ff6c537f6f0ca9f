"""The baselines' parts, by values worked out by hand."""

import math

import numpy as np
import pytest
import torch

from benchmarks.decisions import Count, Decisions, decide, decision_rows, rate
from benchmarks.patchcore import k_center, patchcore
from benchmarks.patches import distances, join_stages
from benchmarks.sketch import exponential_threshold, folds, image_score, sketch


def test_the_coreset_takes_the_farthest_point_next_and_never_a_copy():
    points = torch.tensor([[0.0], [0.0], [1.0], [10.0], [10.0]])
    chosen = k_center(points, 3, torch.Generator().manual_seed(0))
    assert sorted(points[chosen].flatten().tolist()) == [0.0, 1.0, 10.0]


def test_a_distance_is_that_to_the_nearest_of_the_memory():
    memory = torch.tensor([[0.0, 0.0], [10.0, 0.0]])
    assert distances(torch.tensor([[3.0, 4.0], [10.0, 1.0]]), memory).tolist() == pytest.approx([5.0, 1.0])


def test_stages_are_averaged_over_3_by_3_cells_before_they_are_stacked():
    fine = torch.zeros(1, 1, 4, 4)
    fine[0, 0, 0, 0] = 36.0
    joined = join_stages(fine, torch.ones(1, 2, 2, 2))
    assert joined.shape == (1, 3, 4, 4)
    # A corner has 4 neighbours with itself, an edge 6, the inside 9.
    assert [joined[0, 0, row, column].item() for row, column in ((0, 0), (0, 1), (1, 1), (2, 2))] == [9, 6, 4, 0]


def test_an_image_scores_the_mean_of_its_three_largest_distances():
    assert image_score(torch.tensor([1.0, 9.0, 2.0, 4.0, 5.0])) == 6.0


def test_the_threshold_lies_log_20_mean_excesses_above_the_80_percent_quantile():
    scores = np.arange(11.0)  # quantile 8; excesses 1 and 2, mean 1.5
    assert exponential_threshold(scores, 0.01) == pytest.approx(8 + 1.5 * math.log(20))


def test_each_image_is_held_out_once_and_folds_are_of_one_size():
    assert folds(12, torch.Generator().manual_seed(0)).bincount().tolist() == [3, 3, 2, 2, 2]


def test_patchcore_rejects_above_its_largest_validation_score():
    normal = torch.zeros(3, 4, 2)
    validation = torch.tensor([[[0.0, 1.0]], [[0.0, 2.0]]])
    scores, threshold = patchcore(normal, validation, torch.tensor([[[0.0, 3.0], [0.0, 1.0]]]), seed=0)
    assert threshold == pytest.approx(2.0)
    assert scores.tolist() == pytest.approx([3.0])


def test_the_sketch_scores_test_images_against_all_good_ones():
    good = torch.arange(10.0).view(10, 1, 1)  # held out, each is at least 1 from the others
    scores, threshold = sketch(good, torch.tensor([[[3.0]], [[29.0]]]), seed=0)
    assert scores.tolist() == pytest.approx([0.0, 20.0])
    assert threshold >= 1.0


def test_an_image_is_rejected_above_the_threshold_not_at_it():
    scores = np.array([1.0, 2.0, 3.0, 2.0])
    found = decide("kit", "PatchCore", 0, scores, ["good", "good", "scratch", "scratch"], "good", 2.0)
    assert (found.good, found.found) == (Count(0, 2), {"scratch": Count(1, 2)})
    assert found.auroc == {"scratch": 87.5}  # of four pairs three are won and one is a tie


def test_a_rate_carries_its_exact_interval():
    # Clopper-Pearson of 0 in 10: the upper end is 1 - 0.025 ** (1 / 10).
    assert rate([Count(0, 10)]) == "0.0 % of 10 (0.0 to 30.8)"


def record(name, method, seed, found, good):
    return Decisions(data_set=name, method=method, seed=seed, auroc={"a": 90.0}, found={"a": found}, good=good)


def test_seeds_are_averaged_and_sets_pooled():
    both = [record("x", "m", seed, (8 + seed, 10), (0, 5)) for seed in (0, 2)]
    both += [record("y", "m", seed, (0, 10), (1, 5)) for seed in (0, 2)]
    rows = list(decision_rows(both))
    assert [row[4].split(" (")[0] for row in rows] == ["90.0 % of 10", "0.0 % of 10", "45.0 % of 20"]
    assert rows[-1][0] == "all sets pooled"
    assert rows[-1][5].startswith("10.0 % of 10")


def test_a_set_that_one_method_lacks_is_left_out_of_the_pool_and_counted():
    rows = list(
        decision_rows(
            [
                record("x", "m", 0, (1, 2), (0, 5)),
                record("y", "m", 0, (2, 2), (0, 5)),
                record("x", "n", 0, (2, 2), (0, 5)),
            ]
        )
    )
    assert [row[0] for row in rows[-2:]] == ["1 sets pooled (1 without every method and seed left out)"] * 2
