import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csad.metrics.tail import fit_tail


def test_the_tail_is_the_mean_excess_over_the_fourth_fifth():
    # The 20 largest of 0..99 exceed 79 by 1..20: 10.5 on average.
    tail = fit_tail(np.arange(100.0))

    assert (tail.start, tail.count, tail.mean_excess) == (79, 20, 10.5)
    assert tail.fraction == pytest.approx(20 / 101)
    assert tail.odd == 0


def test_a_few_odd_images_do_not_move_the_tail_and_are_told():
    scores = np.concatenate([np.arange(97.0), [5000.0, 6000.0, 7000.0]])

    tail = fit_tail(scores)

    # 17 scores exceed 79 by 1..17: 9 on average.
    assert (tail.start, tail.count, tail.mean_excess) == (79, 17, 9)
    assert tail.odd == 3
    # With them: (153 + 4921 + 5921 + 6921) / 20.
    assert tail.mean_of_all == 895.8


def test_more_odd_images_than_a_twentieth_are_the_tail():
    tail = fit_tail(np.concatenate([np.arange(90.0), np.full(10, 5000.0)]))

    assert tail.count == 20
    # Ten exceed 79 by 1..10 and ten by 4,921.
    assert tail.mean_excess == (55 + 10 * 4921) / 20


def test_an_exponential_tail_is_found_again():
    scores = np.random.default_rng(0).exponential(3.0, 5000)

    tail = fit_tail(scores)

    assert tail.mean_excess == pytest.approx(3.0, rel=0.1)
    assert tail.start == pytest.approx(3.0 * math.log(5), rel=0.05)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60), st.floats(0.1, 10), st.floats(-100, 100))
def test_the_tail_follows_a_change_of_unit(scores, factor, shift):
    one, other = fit_tail(np.array(scores)), fit_tail(factor * np.array(scores) + shift)

    assert other.start == pytest.approx(factor * one.start + shift, abs=1e-3, rel=1e-6)
    assert other.mean_excess >= 0
