"""What may stand for torch: worked out by hand on two images."""

import numpy as np
import pytest

from csad.lgst.maps import MapNormaliser
from csad.scoring.explainers import Explanation
from csad.scoring.fusion import Fusion, Scale
from csad.scoring.rendering import Renderer
from csad.scoring.runtimes.comparison import column_error, explained_alike, map_error, score_error
from csad.scoring.runtimes.parity import Reference, compare, compute_all
from csad.scoring.runtimes.protocol import RuntimeOutputs
from csad.scoring.runtimes.record import Export, Parity

UNIT = Scale(mean=0.0, deviation=1.0)
FUSION = Fusion(columns={"local@max": UNIT}, branches={"local": UNIT}, weights={"local": 1.0}, weighting="equal")
"""The score is the one raw score."""

BATCHES = [np.zeros((1, 4, 4, 3), np.uint8)] * 2


class Counting:
    """Says how many components there are."""

    scores = ("components",)
    averaged = False

    def explain(self, outputs, index):
        return Explanation((f"component {outputs['components'][index]}: missing",))


RENDERER = Renderer("weighted", {"local": MapNormaliser(0.0, 1.0)}, {"local": 1.0}, (1, 1), [Counting()], ())
"""A cell of 1 is drawn as 0.1, which is the upper tail of normal cells."""


class Pretended:
    """A runtime that gives these raw scores, cells of the map and components, an image a call."""

    def __init__(self, scores, cells=(1.0, 1.0), components=(1, 1)):
        self.found = list(zip(scores, cells, components, strict=True))

    def run(self, canvases):
        score, cell, component = self.found.pop(0)
        value = np.array([score])
        maps = {"local": np.full((1, 1, 1), cell, np.float32)}
        return RuntimeOutputs({"local@max": value}, value, maps, {"components": np.array([component])})


def compared(*scores, threshold=15.0, **seen):
    right = compute_all(Pretended([10.0, 20.0]), RENDERER, BATCHES)
    reference = Reference(right.columns, right.rendered, FUSION, threshold, RENDERER)
    return compare(Pretended(scores or (10.0, 20.0), **seen), "1.0", BATCHES, reference)


def test_what_is_equal_is_accepted():
    found = compared(10.0, 20.0)

    assert found.accepted
    assert (found.images, found.decisions, found.score_error, found.map_error, found.explanations) == (2, 0, 0, 0, 0)


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
    assert column_error({}, {"local@max": np.array([10.0])}, FUSION) == float("inf")


def test_a_map_may_differ_by_a_fifth_of_what_normal_cells_reach():
    assert compared(cells=(1.0, 1.19)).accepted
    refused = compared(cells=(1.0, 0.75))

    assert refused.score_error == 0
    assert refused.map_error == pytest.approx(0.25)
    assert refused.reason == "maps differ by 0.25 of what normal images reach (0.2 is allowed)"


def test_strong_heat_is_compared_with_itself_and_weak_heat_with_what_normal_cells_reach():
    assert map_error(np.float32([[1.1, 0.03]]), np.float32([[1.0, 0.0]]), 0.1) == pytest.approx(0.3)
    assert map_error(np.float32([[1.3, 0.01]]), np.float32([[1.0, 0.0]]), 0.1) == pytest.approx(0.3)


def with_a_hot_square(side):
    """The first cells of 20 x 20 in both directions are hot."""
    values = np.zeros((20, 20), np.float32)
    values[:side, :side] = 1
    return values


def test_a_cell_at_a_border_of_heat_may_be_either():
    expected, found = with_a_hot_square(10), with_a_hot_square(10)
    found[10, 5] = 1.125
    found[5, 9] = 0
    assert map_error(found, expected, 0.125) == 0
    found[0, 0] = 1.125
    assert map_error(found, expected, 0.125) == 0.125, "the others count as before"


def test_a_cell_away_from_borders_may_not():
    expected, found = with_a_hot_square(10), with_a_hot_square(10)
    found[15, 15] = 1
    assert map_error(found, expected, 0.125) == 8
    assert map_error(expected, found, 0.125) == 1


def test_a_border_that_is_elsewhere_all_along_is_another_map():
    assert map_error(with_a_hot_square(11), with_a_hot_square(10), 0.125) == 8


def test_a_map_that_is_no_number_is_refused():
    refused = compared(cells=(float("nan"), 1.0))

    assert refused.map_error == float("inf")
    assert refused.reason == "maps differ by inf of what normal images reach (0.2 is allowed)"


def test_an_image_that_is_explained_otherwise_is_refused():
    refused = compared(components=(1, 2))

    assert refused.explanations == 1
    assert refused.reason == "1 of 2 images are explained otherwise"


@pytest.mark.parametrize(
    ("found", "alike"),
    [
        (("component 3: missing; expected 1 %, found 0 % of the product",), True),
        (("component 3: missing; expected 1.1 %, found 0 % of the product",), True),
        (("component 3: missing; expected 1.2 %, found 0 % of the product",), False),
        (("component 3: extra; expected 1 %, found 0 % of the product",), False),
        (("component 4: missing; expected 1 %, found 0 % of the product",), False),
        ((), False),
    ],
)
def test_explanations_are_alike_where_percentages_differ_by_rounding_alone(found, alike):
    assert explained_alike(found, ("component 3: missing; expected 1 %, found 0 % of the product",)) is alike


def test_what_is_equally_unusual_may_come_in_any_order():
    one, other = "component 1: missing; expected 9 %, found 0 %", "component 2: missing; expected 3 %, found 0 %"
    assert explained_alike((one, other), (other, one))
    assert not explained_alike((one, other.replace("3", "9")), (other, one))
    assert not explained_alike((one, one), (one, other))


def test_percentages_in_scientific_notation_are_compared_and_those_near_nothing_are_alike():
    assert explained_alike(("a: 1e+02 %",), ("a: 99 %",))
    assert not explained_alike(("a: 1e+02 %",), ("a: 50 %",))
    assert explained_alike(("a: 3e-05 %",), ("a: 0 %",))
    assert not explained_alike(("a: 0.02 %",), ("a: 0 %",))


def test_what_is_infinitely_wrong_is_recorded_so_that_the_model_can_be_read():
    refused = compared(float("nan"), 20.0, cells=(float("nan"), 1.0))
    export = Export(file="scorer.onnx", parity={"onnxruntime": refused})

    assert Export.model_validate_json(export.model_dump_json()) == export
    assert refused.score_error == float("inf")


def test_a_record_of_an_older_csad_has_no_word_on_maps():
    older = '{"version": "1", "images": 5, "score_error": 0, "column_error": 0, "decisions": 0, "accepted": true}'

    assert Parity.model_validate_json(older).map_error is None
