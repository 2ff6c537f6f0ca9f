"""Weights and threshold from columns that are written by hand."""

import numpy as np
import pytest

from csad.calibration.calibrate import Calibration
from csad.calibration.decision import decide, one_of_each
from csad.config.line import ProductLine
from csad.images import ImageFile

LINE = ProductLine.from_yaml("{name: kit, fusion: {weighting: equal}, threshold: {false_reject_rate: 0.2}}")


def files(count):
    return [ImageFile(f"{index:03d}", None, "validation", "good") for index in range(count)]


def calibration(normal, **made):
    columns = {"global@max": np.array(normal, dtype=float)}
    return Calibration(
        columns, columns, {kind: {"global@max": np.array(v, dtype=float)} for kind, v in made.items()}, {}
    )


def test_the_decision_rejects_as_many_good_images_as_promised_and_names_them():
    # Of 99 good images and a new one, 20 may lie above: the threshold is the 20th from the top, and 19 exceed it.
    decision = decide(LINE, calibration(range(99), spot=[0, 200, 200, 200]), files(99), range(99))

    assert decision.fusion.branches.keys() == {"global"}
    assert list(decision.normal_scores) == sorted(decision.normal_scores)
    assert decision.threshold.value == pytest.approx(decision.normal_scores[99 - 20], rel=2e-5), "rounding is let by"
    assert decision.odd_images == tuple(f"validation/good/{index:03d}" for index in range(98, 79, -1))
    assert decision.synthetic_detection == {"spot": 0.75}


def test_near_equal_images_count_once():
    """Each of 25 products twice: the same decision as from one image of each."""
    once = decide(LINE, calibration(range(25), spot=[100]), files(25), range(25))

    twice = decide(LINE, calibration(np.repeat(range(25), 2), spot=[100]), files(50), np.repeat(range(25), 2).tolist())

    assert twice.threshold == once.threshold
    assert len(twice.normal_scores) == 25


def test_frames_of_one_product_are_one_independent_sample():
    assert one_of_each([5, 5, 3, 5, 9, 3]) == [0, 2, 4]
