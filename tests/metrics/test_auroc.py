import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csad.metrics.auroc import auroc, auroc_interval, roc_curve

scores = st.lists(st.sampled_from([-3.0, -1.0, 0.0, 0.5, 1.0, 2.0, 40.0]), min_size=1, max_size=12)


def by_definition(good, anomalous):
    return np.mean([1.0 if a > g else 0.5 if a == g else 0.0 for a in anomalous for g in good])


def test_three_of_four_pairs_are_ranked_rightly():
    assert auroc([1.0, 3.0], [2.0, 4.0]) == 0.75


def test_ties_count_half():
    assert auroc([1.0, 2.0], [2.0, 2.0]) == 0.75
    assert auroc([7.0, 7.0, 7.0], [7.0]) == 0.5


def test_perfect_and_reversed_rankings():
    assert auroc([0.0, 1.0], [2.0]) == 1.0
    assert auroc([2.0], [0.0, 1.0]) == 0.0


def test_infinite_scores_are_ranked():
    assert auroc([0.0, -np.inf], [np.inf]) == 1.0


@given(scores, scores)
def test_equals_the_comparison_of_all_pairs(good, anomalous):
    assert auroc(good, anomalous) == pytest.approx(by_definition(good, anomalous))


@given(scores, scores, st.randoms())
def test_the_order_of_images_does_not_matter(good, anomalous, random):
    shuffled = random.sample(good, len(good)), random.sample(anomalous, len(anomalous))
    assert auroc(*shuffled) == auroc(good, anomalous)


@given(scores, scores)
def test_a_monotone_transform_changes_nothing(good, anomalous):
    assert auroc(np.arctan(good), np.arctan(anomalous)) == auroc(good, anomalous)


@given(scores, scores)
def test_swapping_the_classes_or_negating_the_scores_mirrors_it(good, anomalous):
    assert auroc(anomalous, good) == pytest.approx(1 - auroc(good, anomalous))
    assert auroc(-np.array(good), -np.array(anomalous)) == pytest.approx(1 - auroc(good, anomalous))


@given(scores, scores)
def test_the_area_under_the_curve_is_the_auroc(good, anomalous):
    curve = roc_curve(good, anomalous)
    assert np.trapezoid(curve.true_positive_rate, curve.false_positive_rate) == pytest.approx(auroc(good, anomalous))


def test_the_curve_has_one_point_per_distinct_score():
    curve = roc_curve([1.0, 2.0], [2.0, 3.0])
    assert curve.thresholds.tolist() == [np.inf, 3.0, 2.0, 1.0]
    assert curve.true_positive_rate.tolist() == [0.0, 0.5, 1.0, 1.0]
    assert curve.false_positive_rate.tolist() == [0.0, 0.0, 0.5, 1.0]


@pytest.mark.parametrize(("good", "anomalous", "message"), [([], [1.0], "no good"), ([1.0], [], "no anomalous")])
def test_one_side_without_scores_is_an_error(good, anomalous, message):
    with pytest.raises(ValueError, match=message):
        auroc(good, anomalous)


def test_a_score_that_is_not_a_number_is_an_error():
    with pytest.raises(ValueError, match="1 of 2 anomalous scores are not numbers"):
        auroc([1.0], [np.nan, 2.0])


def test_perfect_separation_still_has_an_interval():
    # The low end a solves 1 - a = z^2 a (1 + N a / (1 + a) + N (1 - a) / (2 - a)) / (m n) with N = 9 and m n = 100.
    # At a = .8 the bracket is 1 + 4 + 1.5 = 6.5: .2 on the left, 3.8415 * .8 * 6.5 / 100 = .1998 on the right.
    low, high = auroc_interval(1.0, good=10, anomalous=10)
    assert low == pytest.approx(0.8, abs=0.001)
    assert high == 1.0
    assert auroc_interval(0.0, good=10, anomalous=10) == pytest.approx((0.0, 1 - low))


def test_more_images_narrow_the_interval():
    few, many = auroc_interval(0.9, 20, 20), auroc_interval(0.9, 200, 200)
    assert few[0] < many[0] < 0.9 < many[1] < few[1]
