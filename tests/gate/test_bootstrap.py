import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from csad.gate import bootstrap as gate_bootstrap
from csad.gate.bootstrap import (
    Difference,
    Pair,
    auroc_difference,
    decision_difference,
    rate_difference,
    widening,
)
from csad.metrics.auroc import auroc

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


def test_six_images_of_which_three_are_rejected_more():
    """The draws' means are those of six coins: 90 % reach from 1/6 to 5/6. Widened by sqrt(6/5) 2.0150 / 1.6449."""
    found = rate_difference(Pair(np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0]), np.zeros(6)), seed=0)
    assert found.images == 6
    assert (found.low, found.estimate, found.high) == pytest.approx((0.5 - 0.4473, 0.5, 0.5 + 0.4473), abs=1e-4)


def test_an_interval_ends_at_the_largest_difference_there_can_be():
    two = Pair(np.array([1.0, 0.0]), np.zeros(2))
    found = rate_difference(two, seed=0)
    assert (found.estimate, found.low, found.high) == (0.5, -1, 1)
    assert decision_difference(two, two, seed=0).high == 2


def test_one_image_proves_nothing():
    worse = Pair(np.array([0.0]), np.array([1.0]))
    assert rate_difference(worse, seed=0) == Difference(-1, -1, 1, 1)
    assert auroc_difference(same(range(50)), Pair(np.array([-1.0]), np.array([99.0])), seed=0).high == 1
    assert decision_difference(same(np.zeros(50)), worse, seed=0) == Difference(-1, -2, 2, 1)


def test_few_images_widen_the_interval_and_many_do_not():
    """Student's t at 95 % with 5, 19 and 399 degrees of freedom: 2.0150, 1.7291, 1.6487; the normal: 1.6449."""
    assert widening(6) == pytest.approx((6 / 5) ** 0.5 * 2.0150 / 1.6449, abs=1e-3)
    assert widening(20) == pytest.approx((20 / 19) ** 0.5 * 1.7291 / 1.6449, abs=1e-3)
    assert widening(400) == pytest.approx(1, abs=0.004)


def significantly_worse(anomalous: int, trials: int = 400) -> float:
    """How often a model that is as good as the champion is called a significant regression, with 20 good images."""
    generator = np.random.default_rng(0)

    def scores(count: int, mean: float) -> Pair:
        return Pair(*(generator.normal(mean, 1, count) + generator.normal(0, 1, (2, count))))

    found = [auroc_difference(scores(20, 0), scores(anomalous, 1.5), seed=0) for _ in range(trials)]
    return sum(difference.high < 0 for difference in found) / trials


def test_an_equal_model_is_called_significantly_worse_as_rarely_as_promised(monkeypatch):
    """Surely is 95 %, a promise that the plain percentile interval breaks with six images."""
    monkeypatch.setattr(gate_bootstrap, "DRAWS", 500)
    six, twenty = significantly_worse(6), significantly_worse(20)
    monkeypatch.setattr(gate_bootstrap, "widening", lambda _: 1.0)
    assert six <= 0.05 < significantly_worse(6)
    assert twenty <= 0.05 + 2 * (0.05 * 0.95 / 400) ** 0.5
    assert twenty <= significantly_worse(20) <= twenty + 0.03


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
