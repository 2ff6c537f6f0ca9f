"""What may stand for torch: worked out by hand on two images."""

import numpy as np
import pytest

from csad.scoring.fusion import Fusion, Scale
from csad.scoring.runtimes.comparison import column_error, score_error
from csad.scoring.runtimes.parity import compare
from csad.scoring.runtimes.protocol import RuntimeOutputs

UNIT = Scale(mean=0.0, deviation=1.0)
FUSION = Fusion(columns={"local@max": UNIT}, branches={"local": UNIT}, weights={"local": 1.0}, weighting="equal")
"""The score is the one raw score."""

EXPECTED = {"local@max": np.array([10.0, 20.0])}
BATCHES = [np.zeros((1, 4, 4, 3), np.uint8)] * 2


class Pretended:
    """A runtime that gives these raw scores, an image a call."""

    def __init__(self, *scores):
        self.scores = list(scores)

    def run(self, canvases):
        value = np.array([self.scores.pop(0)])
        return RuntimeOutputs({"local@max": value}, value, {}, {})


def compared(*scores, threshold=15.0):
    return compare(Pretended(*scores), "1.0", BATCHES, EXPECTED, FUSION, threshold)


def test_what_is_equal_is_accepted():
    found = compared(10.0, 20.0)

    assert found.accepted
    assert (found.images, found.decisions, found.score_error) == (2, 0, 0)


def test_a_thousandth_is_allowed_and_more_is_not():
    assert compared(10.009, 20.0).accepted
    refused = compared(10.0, 20.03)

    assert not refused.accepted
    assert refused.score_error == pytest.approx(0.0015)
    assert refused.reason == "scores differ by 1.5e-03; raw scores differ by 1.5e-03"


def test_a_decision_that_changes_is_refused_however_near_the_scores_are():
    refused = compared(10.001, 20.0, threshold=10.0005)

    assert not refused.accepted
    assert refused.reason == "1 of 2 images are decided otherwise"


def test_what_is_no_number_is_refused():
    assert not compared(float("nan"), 20.0).accepted


def test_small_scores_are_compared_with_one_and_small_raw_scores_with_their_spread():
    assert score_error(np.array([0.102]), np.array([0.1])) == pytest.approx(0.002)
    wide = FUSION.model_copy(update={"columns": {"local@max": Scale(mean=0.0, deviation=4.0)}})
    assert column_error({"local@max": np.array([2.0])}, {"local@max": np.array([1.0])}, wide) == pytest.approx(0.25)


def test_a_missing_raw_score_is_infinitely_wrong():
    assert column_error({}, EXPECTED, FUSION) == float("inf")
