import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from csad.common.errors import DatasetError
from csad.metrics.threshold import choose_threshold, rate_interval


def test_a_rate_that_ten_images_show_is_a_rank():
    # 10 % of 99 + 1: the tenth score from the top, 90; the nine above it are rejected.
    threshold = choose_threshold(np.arange(1.0, 100.0), 0.1)
    assert threshold.value == pytest.approx(90, rel=1e-4)
    assert (np.arange(1.0, 100.0) > threshold.value).sum() == 9
    assert threshold.images == 99
    assert threshold.false_reject_rate == 0.1


def test_where_a_rank_would_hang_on_a_few_images_the_tail_decides():
    # 99 images, 1 %: k = 20, base 79, excesses 1..20, 210 together.
    # y = 210 ((20 / (100 * .01)) ** (1 / 20) - 1) = 210 * .16159 = 33.93.
    assert choose_threshold(np.arange(1.0, 100.0), 0.01).value == pytest.approx(79 + 33.93, abs=0.01)


def test_too_few_images_extrapolate_an_exponential_tail_and_say_so():
    # 11 images at 0..10, 1 %: k = 5 (the minimum), base 5, excesses 1 + 2 + 3 + 4 + 5 = 15.
    # y = 15 ((5 / (12 * .01)) ** (1 / 5) - 1) = 15 * (41.667 ** .2 - 1) = 15 * 1.1085 = 16.63.
    threshold = choose_threshold(np.arange(11.0), 0.01)
    assert threshold.value == pytest.approx(5 + 16.63, abs=0.01)
    assert threshold.promised_rate == 0.01
    assert "cannot show a rate of 1.00% (100 could)" in threshold.note


def test_from_twenty_images_on_the_rate_that_they_can_show_is_promised():
    # 24 images at 0..23 show 1 / 25 at best: k = 5, base 18, excesses 1 + 2 + 3 + 4 + 5 = 15.
    # y = 15 ((5 / (25 / 25)) ** (1 / 5) - 1) = 15 * (5 ** .2 - 1) = 15 * .3797 = 5.696.
    threshold = choose_threshold(np.arange(24.0), 0.01)
    assert threshold.value == pytest.approx(18 + 5.696, abs=0.01)
    assert threshold.promised_rate == pytest.approx(1 / 25)
    assert "cannot show a rate of 1.00% (100 could), so 4.00% is promised" in threshold.note


def test_the_largest_of_a_few_scores_does_not_set_the_threshold_by_itself():
    # The rate of 1 / 37 explains more than one of 36 images (P(X <= 1) = .75), so an image at 30 is no reason to find
    # nothing below it.
    good = np.array([*np.full(28, 0.0), 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 30.0])
    assert 7 < choose_threshold(good, 0.01).value < 30


def test_three_odd_images_of_sixty_do_not_hide_every_defect():
    good = np.arange(57.0)

    with_odd = choose_threshold(np.array([*good, 900.0, 950.0, 1000.0]), 0.01).value

    assert choose_threshold(good, 0.01).value == pytest.approx(with_odd, rel=0.1)
    assert with_odd > 56


def test_one_score_beside_equal_ones_gives_a_threshold_between():
    assert 100 < choose_threshold(np.array([*np.zeros(30), 1000.0]), 0.01).value < 2000


@pytest.mark.parametrize("scores", [[4.0], [4.0, 4.0], [0.0] * 60, [-3.0] * 4])
def test_scores_without_spread_get_a_floor_above_them(scores, caplog):
    with caplog.at_level(logging.WARNING):
        threshold = choose_threshold(np.array(scores), 0.01)
    assert np.isfinite(threshold.value)
    assert threshold.value > max(scores)
    assert "no spread" in caplog.text


def test_fewer_than_five_images_are_called_under_determined(caplog):
    with caplog.at_level(logging.WARNING):
        threshold = choose_threshold(np.array([1.0, 2.0, 4.0]), 0.01)
    # Base 1, excesses 1 + 3, k = 2, and the prior's 4 of 1 each: 1 + 8 ((2 / .04) ** (1 / 6) - 1) = 8.355.
    assert threshold.value == pytest.approx(8.355, abs=0.001)
    assert "so it is under-determined" in caplog.text


def test_a_single_score_is_left_behind_as_far_as_good_scores_usually_lie():
    # Half of all further scores exceed it: 4 ((.5 / .01) ** (1 / 4) - 1) = 6.637, in units of the spread.
    assert choose_threshold(np.array([2.0]), 0.01).value == pytest.approx(2 + 6.637, abs=0.001)
    assert choose_threshold(np.array([2.0]), 0.01, spread=3.0).value == pytest.approx(2 + 3 * 6.637, abs=0.01)


def test_no_images_and_broken_scores_are_errors():
    with pytest.raises(DatasetError, match="no scores of good images"):
        choose_threshold(np.array([]), 0.01)
    with pytest.raises(DatasetError, match="1 of 2 scores of good images are not finite"):
        choose_threshold(np.array([np.nan, 1.0]), 0.01)


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1])
def test_a_rate_outside_zero_to_one_is_an_error(rate):
    with pytest.raises(ValueError, match="between 0 and 1"):
        choose_threshold(np.ones(3), rate)


def test_the_interval_of_no_rejects_is_the_textbook_one():
    # Clopper-Pearson with 0 of n: 1 - .025 ** (1 / n); the mirror image for n of n.
    assert rate_interval(0, 20) == pytest.approx((0, 1 - 0.025 ** (1 / 20)))
    assert rate_interval(20, 20) == pytest.approx((0.025 ** (1 / 20), 1))
    assert rate_interval(0, 0) == (0, 1)


def test_the_interval_of_one_in_twenty_is_the_tabulated_one():
    assert rate_interval(1, 20) == pytest.approx((0.0013, 0.2487), abs=1e-4)


def test_the_promise_holds_on_new_images_on_average():
    # Exact for a rank: rank 10 of 999 means 10 / 1000. Without the rounding margin the mean over draws would be .01.
    generator = np.random.default_rng(0)
    rates = [np.exp(-choose_threshold(generator.exponential(size=999), 0.01).value) for _ in range(400)]
    assert np.mean(rates) == pytest.approx(0.01, abs=0.001)


def test_the_extrapolated_promise_holds_on_an_exponential_tail():
    generator = np.random.default_rng(0)
    # 40 images can promise 1 / 41.
    rates = [np.exp(-choose_threshold(generator.exponential(size=40), 0.01).value) for _ in range(400)]
    assert np.mean(rates) == pytest.approx(1 / 41, rel=0.2), "taking a large score for an odd one costs a little"
    rates = [np.exp(-choose_threshold(generator.exponential(size=120), 0.01).value) for _ in range(400)]
    assert np.mean(rates) == pytest.approx(0.01, abs=0.002)


@given(scores=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), rate=st.floats(0.001, 0.5))
def test_the_threshold_is_finite_and_keeps_its_promise_on_all_but_odd_images(scores, rate):
    threshold = choose_threshold(np.array(scores), rate)
    low, high = threshold.interval
    assert np.isfinite(threshold.value)
    explained = binom.ppf(0.95, len(scores), threshold.promised_rate)
    assert (np.array(scores) > threshold.value).sum() <= explained + max(1, 0.05 * len(scores))
    assert 0 <= low <= high <= 1
