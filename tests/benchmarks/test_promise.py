import numpy as np
import pytest

from benchmarks.promise import resample, resample_exponential


def test_scores_whose_halves_are_alike_keep_a_promise_of_their_size():
    kept = resample(np.random.default_rng(1).exponential(size=400), 0.05, 200, np.random.default_rng(0))

    assert (kept.images, kept.promised) == (400, 0.05)
    assert kept.held > 0.9
    assert kept.mean_rate == pytest.approx(0.05, abs=0.02)


def test_a_few_images_promise_what_half_of_them_can_show():
    kept = resample(np.arange(80.0), 0.01, 10, np.random.default_rng(0))

    assert kept.promised == pytest.approx(1 / 41)


def test_a_tail_that_is_heavier_than_assumed_breaks_the_promise_more_often():
    heavy = np.random.default_rng(1).pareto(0.8, size=200)

    found = resample(heavy, 0.01, 200, np.random.default_rng(0))
    ideal = resample_exponential(200, 0.01, 200, np.random.default_rng(0))

    assert found.mean_rate > ideal.mean_rate
    assert found.held < ideal.held
