import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from csad.delivery.gate_bootstrap import Pair, auroc_difference, decision_difference, rate_difference
from csad.evaluation.auroc import auroc

SCORES = st.integers(2, 12).flatmap(lambda count: arrays(np.float64, (2, count), elements=st.integers(0, 5)))
DECISIONS = st.integers(2, 12).flatmap(lambda count: arrays(np.float64, (2, count), elements=st.integers(0, 1)))


def same(values) -> Pair:
    return Pair(np.array(values, float), np.array(values, float))


@settings(max_examples=25)
@given(SCORES, SCORES)
def test_a_model_never_differs_from_itself(good, anomalous):
    found = auroc_difference(same(good[0]), same(anomalous[0]), seed=0)
    assert (found.estimate, found.low, found.high) == (0, 0, 0)
    found = decision_difference(same(good[0] > 2), same(anomalous[0] > 2), seed=0)
    assert (found.estimate, found.low, found.high) == (0, 0, 0)


@settings(max_examples=25)
@given(SCORES, SCORES)
def test_the_estimate_is_the_difference_of_the_two_aurocs(good, anomalous):
    found = auroc_difference(Pair(*good), Pair(*anomalous), seed=0)
    assert found.estimate == pytest.approx(auroc(good[0], anomalous[0]) - auroc(good[1], anomalous[1]), abs=1e-6)
    assert found.low - 1e-6 <= found.high


@settings(max_examples=25)
@given(DECISIONS, DECISIONS)
def test_exchanging_the_models_turns_the_sign(good, anomalous):
    there = decision_difference(Pair(*good), Pair(*anomalous), seed=1)
    back = decision_difference(Pair(*good[::-1]), Pair(*anomalous[::-1]), seed=1)
    assert there.estimate == pytest.approx(-back.estimate)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


def test_two_images_of_which_one_is_rejected_more():
    """Drawn twice from {1, 0}: the mean is 0, 0.5 or 1 with probability 1/4, 1/2, 1/4, so 90 % reach from 0 to 1."""
    found = rate_difference(Pair(np.array([1.0, 0.0]), np.array([0.0, 0.0])), seed=0)
    assert (found.estimate, found.low, found.high) == (0.5, 0, 1)


def test_many_images_give_the_interval_of_the_normal_distribution():
    """100 of 400 images are rejected more: 0.25 +- 1.645 sqrt(0.25 * 0.75 / 400)."""
    challenger = np.zeros(400)
    challenger[:100] = 1
    found = rate_difference(Pair(challenger, np.zeros(400)), seed=0)
    assert (found.low, found.high) == pytest.approx((0.25 - 0.0356, 0.25 + 0.0356), abs=0.005)


def test_pairing_cancels_what_the_images_do_to_both_models():
    generator = np.random.default_rng(0)
    good, anomalous = generator.normal(0, 1, 100), generator.normal(1, 1, 100)
    paired = auroc_difference(Pair(good + 0.01, good), Pair(anomalous, anomalous), seed=0)
    unpaired = auroc_difference(
        Pair(generator.permutation(good), good), Pair(generator.permutation(anomalous), anomalous), seed=0
    )
    assert paired.high - paired.low < 0.2 * (unpaired.high - unpaired.low)


def test_the_same_seed_gives_the_same_interval_and_another_one_hardly_another():
    generator = np.random.default_rng(0)
    good, anomalous = Pair(*generator.normal(0, 1, (2, 60))), Pair(*generator.normal(1, 1, (2, 60)))
    first, again, other = (auroc_difference(good, anomalous, seed) for seed in (0, 0, 1))
    assert first == again
    assert (other.low, other.high) == pytest.approx((first.low, first.high), abs=0.02)


def test_every_image_needs_a_value_of_both_models():
    with pytest.raises(ValueError, match="3 values of the challenger and 2 of the champion"):
        Pair(np.zeros(3), np.zeros(2))
    with pytest.raises(ValueError, match="at least one image"):
        Pair(np.zeros(0), np.zeros(0))
