import json
from dataclasses import replace

import numpy as np
import pytest

from csad.common.errors import DatasetError, ImageError
from csad.evaluation.cases import Category
from csad.evaluation.evaluate import evaluate
from csad.evaluation.figures import Evaluation
from csad.evaluation.report import render
from csad.images import ImageProblem

from .fakes import SHAPE, DataSet, FakeScorer, ScorerWithBackground, picture


def test_detection_is_measured_per_type_and_averaged(kit):
    auroc = evaluate(FakeScorer(), kit.images()).image_auroc
    # Good 10, 20, 30, 120. Logical 200 beats four, 25 beats two: 6 of 8 pairs. Structural 150 beats four of four.
    assert (auroc.logical, auroc.structural, auroc.mean) == (75.0, 100.0, 87.5)
    assert auroc.by_kind == {"logical_anomalies": 75.0, "structural_anomalies": 100.0}
    low, high = auroc.intervals["logical"]
    assert 0 < low < 75 < high < 100


def test_every_branch_and_group_is_measured_and_the_full_score_comes_last(kit):
    branches = evaluate(FakeScorer(), kit.images()).branches
    assert list(branches) == ["lgst", "histogram", "full"]
    # Green channel: good 0, 0, 0, 60; logical 60 (three wins, a tie) and 70 (four): 7.5 of 8; structural 0: three ties.
    assert (branches["histogram"].logical, branches["histogram"].structural) == (93.75, 37.5)
    assert branches["full"] == branches["lgst"]


def test_the_decision_is_counted_with_intervals(kit):
    evaluation = evaluate(FakeScorer(), kit.images())
    assert evaluation.threshold == 100.0
    assert evaluation.false_reject_rate == 0.25
    assert evaluation.false_rejects.promised == 0.01
    assert (evaluation.false_rejects.test_good.rejected, evaluation.false_rejects.test_good.images) == (1, 4)
    assert (evaluation.false_rejects.validation.rate, evaluation.false_rejects.validation.images) == (0.0, 2)
    rates = {kind: rate.rate for kind, rate in evaluation.detection_rate.items()}
    assert rates == {"logical_anomalies": 0.5, "structural_anomalies": 1.0}


def test_localisation_is_measured_where_there_are_masks(kit):
    evaluation = evaluate(FakeScorer(), kit.images())
    # One of two defects is above all free pixels, everything else ties at 0: the curve is 0.5 + x / 2,
    # so the area up to L, divided by L, is 0.5 + L / 4.
    expected = {0.01: 50.25, 0.05: 51.25, 0.1: 52.5, 0.3: 57.5, 1.0: 75.0}
    assert evaluation.spro.logical == pytest.approx(expected)
    assert evaluation.spro.mean == pytest.approx(expected)
    assert evaluation.spro.structural is None
    assert evaluation.problems == ("1 of 3 anomalous images have no mask and do not count in localisation",)


def test_saturation_rules_of_the_data_set_are_followed(kit):
    rule = {"defect_name": "hole", "pixel_value": 255, "saturation_threshold": 2, "relative_saturation": False}
    (kit.root / "defects_config.json").write_text(json.dumps([rule]))
    kit.add("test", "logical_anomalies", [half_found()])
    kit.mask("logical_anomalies", "002", "000.png", half_found()[:, :, 0])
    # Two of the third defect's four pixels are found at once: with saturation 2 that is all of it.
    assert evaluate(FakeScorer(), kit.images()).spro.all[1.0] == pytest.approx(100 * (2 / 3 + 1) / 2)


def half_found():
    image = picture(0)
    image[4:6, 4:6, 0] = 255
    image[4, 4:6, 2] = 200
    return image


def test_a_mask_of_another_size_is_a_problem_not_a_crash(kit):
    kit.mask("logical_anomalies", "001", "000.png", np.ones((3, 3)))
    evaluation = evaluate(FakeScorer(), kit.images())
    assert evaluation.spro.logical[1.0] == pytest.approx(100)
    assert "is 3 x 3, its image 001.png 10 x 8" in evaluation.problems[0]


def test_recording_sessions_are_compared(kit):
    # Validation 10, 20 against good test images 10, 20, 30, 120: 0.5 + 1.5 + 2 + 2 of 8.
    assert evaluate(FakeScorer(), kit.images()).validation_vs_test_good_auroc == 75.0


def test_the_background_is_measured_where_the_scorer_offers_it(kit):
    assert evaluate(FakeScorer(), kit.images()).background_only_auroc is None
    background = evaluate(ScorerWithBackground(), kit.images()).background_only_auroc
    assert (background.logical, background.structural) == (93.75, 37.5)


def test_the_origin_is_recorded(kit):
    kit.add("train", "good", [picture(1)])
    problem = ImageProblem(kit.root / "train" / "good" / "bad.png", "empty file")
    evaluation = evaluate(FakeScorer(), kit.images(problems=(problem,)))
    assert (evaluation.line, evaluation.seed) == ("kit", 3)
    assert (evaluation.snapshot, evaluation.data) == ("trained-on-this", "evaluated-on-this")
    assert evaluation.weights == {"backbone": "tiny"}
    assert evaluation.settings["threshold"] == {"false_reject_rate": 0.01}
    assert evaluation.images == {
        "train": {"good": 1},
        "validation": {"good": 2},
        "test": {"good": 4, "logical_anomalies": 2, "structural_anomalies": 1},
    }
    assert any("bad.png: empty file" in text for text in evaluation.problems)


def test_every_image_has_a_record(kit):
    records = {record.key: record for record in evaluate(FakeScorer(), kit.images()).records}
    assert len(records) == 9
    assert records["test/logical_anomalies/000"].score == 200.0
    assert records["test/logical_anomalies/000"].anomalous
    assert records["test/logical_anomalies/000"].explanations == ("washer: <2 found>",)
    assert records["validation/good/001"].branches == {"lgst": 20.0, "histogram": 0.0}


def test_the_most_telling_images_are_kept(kit):
    cases = evaluate(FakeScorer(), kit.images()).cases
    by_category = {category: [case.key for case in cases if case.category is category] for category in Category}
    assert by_category[Category.MISSED] == ["test/logical_anomalies/001"]
    assert by_category[Category.FALSE_REJECT] == ["test/good/003"]
    assert by_category[Category.HIT] == ["test/logical_anomalies/000", "test/structural_anomalies/000"]
    assert by_category[Category.CLOSE][0] == "test/structural_anomalies/000"


def test_json_survives_a_round_trip_without_pictures(kit):
    evaluation = evaluate(FakeScorer(), kit.images())
    values = json.loads(json.dumps(evaluation.to_json()))
    assert "cases" not in values
    assert values["image_auroc"]["logical"] == 75.0
    assert values["spro"]["logical"]["0.3"] == pytest.approx(57.5)
    assert Evaluation.model_validate(values).to_json() == values
    assert json.loads(evaluation.model_dump_json()) == values


def test_images_are_scored_once_in_batches(kit):
    scorer = FakeScorer()
    assert evaluate(scorer, kit.images(), batch=3).timing.images == 9
    assert scorer.batches == [2, 3, 3, 1]


def test_large_images_are_scored_a_few_at_a_time(kit, monkeypatch):
    monkeypatch.setattr("csad.images.image_batches.BATCH_PIXELS", 2 * SHAPE[0] * SHAPE[1])
    scorer = FakeScorer()
    evaluate(scorer, kit.images(), batch=3)
    assert scorer.batches == [2, 2, 1, 2, 1, 1]


def test_the_batch_size_does_not_change_a_figure(kit):
    alone, together = (evaluate(FakeScorer(), kit.images(), batch=size) for size in (1, 8))
    assert alone.records == together.records
    assert (alone.spro, alone.branches) == (together.spro, together.branches)


def test_a_type_that_is_absent_is_null(tmp_path):
    data = DataSet(tmp_path).add("test", "good", [picture(1)]).add("test", "structural", [picture(2)])
    evaluation = evaluate(FakeScorer(), data.images())
    auroc = evaluation.image_auroc
    assert (auroc.logical, auroc.structural, auroc.mean) == (None, 100.0, 100.0)
    assert evaluation.spro is None


def test_kinds_that_are_neither_have_their_own_figures_and_make_the_mean_alone(tmp_path):
    data = DataSet(tmp_path).add("test", "good", [picture(5)])
    data.add("test", "dents", [picture(9)]).add("test", "scratches", [picture(5)])
    auroc = evaluate(FakeScorer(), data.images()).image_auroc
    assert auroc.by_kind == {"dents": 100.0, "scratches": 50.0}
    assert (auroc.logical, auroc.structural, auroc.mean) == (None, None, 75.0)


def test_a_kind_that_has_the_name_of_a_type_does_not_stand_for_all_of_it(tmp_path):
    data = DataSet(tmp_path).add("test", "good", [picture(5)])
    data.add("test", "logical", [picture(9)]).add("test", "logical_hard", [picture(1)])
    found = np.zeros((8, 10))
    found[0, 0] = 255
    data.mask("logical", "000", "a.png", found).mask("logical_hard", "000", "a.png", found)
    evaluation = evaluate(FakeScorer(), data.images())
    auroc = evaluation.image_auroc
    assert auroc.by_kind == {"logical": 100.0, "logical_hard": 0.0}
    assert (auroc.logical, auroc.structural, auroc.mean) == (50.0, None, 50.0)
    assert set(auroc.intervals) == {"logical"}
    assert set(auroc.kind_intervals) == {"logical", "logical_hard"}
    assert auroc.intervals["logical"] != auroc.kind_intervals["logical"]
    assert evaluation.spro.logical == evaluation.spro.all
    assert "AUROC logical" in render(evaluation)


def test_localisation_of_a_kind_with_the_name_of_a_type_is_its_own(tmp_path):
    data = DataSet(tmp_path).add("test", "good", [picture(5)])
    defect = np.zeros((8, 10), np.uint8)
    defect[:2, :2] = 255
    data.add("test", "logical", [picture(9, heat=defect)]).add("test", "logical_hard", [picture(1)])
    data.mask("logical", "000", "a.png", defect).mask("logical_hard", "000", "a.png", defect)
    spro = evaluate(FakeScorer(), data.images()).spro
    # The first defect is found before any free pixel, the second ties with all of them: 1, x and (1 + x) / 2.
    assert spro.by_kind["logical"][1.0] == pytest.approx(100)
    assert spro.by_kind["logical_hard"][1.0] == pytest.approx(50)
    assert spro.logical[1.0] == pytest.approx(75)


def test_good_images_alone_give_a_false_reject_rate_and_no_auroc(tmp_path):
    data = DataSet(tmp_path).add("test", "good", [picture(1), picture(200)])
    evaluation = evaluate(FakeScorer(), data.images())
    assert evaluation.false_reject_rate == 0.5
    assert evaluation.image_auroc.mean is None
    assert evaluation.validation_vs_test_good_auroc is None
    assert "no images" in evaluation.to_text()


def test_one_single_anomaly_is_evaluated(tmp_path):
    data = DataSet(tmp_path).add("test", "logical_anomalies", [picture(200)])
    evaluation = evaluate(FakeScorer(), data.images())
    assert evaluation.false_reject_rate is None
    assert evaluation.image_auroc.mean is None
    assert evaluation.detection_rate["logical_anomalies"].rate == 1.0


def test_constant_scores_are_a_coin_toss(tmp_path):
    data = DataSet(tmp_path).add("test", "good", [picture(7)] * 3).add("test", "logical", [picture(7)] * 2)
    data.mask("logical", "000", "a.png", np.eye(8, 10) * 255)
    evaluation = evaluate(FakeScorer(), data.images())
    assert evaluation.image_auroc.logical == 50.0
    assert evaluation.spro.logical[1.0] == pytest.approx(50)


def test_no_test_images_are_an_error(tmp_path):
    with pytest.raises(DatasetError, match="no test images; expected test/good"):
        evaluate(FakeScorer(), DataSet(tmp_path).images())


class BrokenScorer(FakeScorer):
    def __init__(self, **changes):
        super().__init__()
        self.changes = changes

    def score(self, image):
        found = super().score(image)
        return replace(found, **self.changes) if found.value == 25.0 else found


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"value": float("nan")}, "the score is nan"),
        ({"branches": {"lgst": float("inf"), "histogram": 0.0}}, "the score of branch lgst is inf"),
        ({"map": np.full((8, 10), np.nan, np.float32)}, "80 of 80 values of its map are not finite"),
        ({"map": np.zeros((4, 4), np.float32)}, r"its map has shape \(4, 4\), the image \(8, 10\)"),
    ],
)
def test_a_score_that_is_not_a_number_names_its_image(kit, changes, message):
    with pytest.raises(ImageError, match=f"logical_anomalies/001.png: {message}"):
        evaluate(BrokenScorer(**changes), kit.images())
