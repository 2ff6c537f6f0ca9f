import numpy as np
import pytest

from csad.evaluation.by_kind import type_of
from csad.evaluation.evaluate import evaluate
from csad.evaluation.report import render

from .fakes import DataSet, FakeScorer, picture


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("logical_anomalies", "logical"),
        ("Logical-Anomalies", "logical"),
        ("STRUCTURAL", "structural"),
        ("my structural dents", "structural"),
        ("logical_no_washer", "logical"),
        ("biological_stain", None),
        ("LogicalAnomalies", "logical"),
        ("structural01", "structural"),
        ("illogical", None),
        ("morphological_structuralism", None),
        ("non_logical", None),
        ("logical_and_structural", None),
    ],
)
def test_whole_words_decide_the_type_of_a_kind(kind, expected):
    assert type_of(kind) == expected


@pytest.fixture
def mixed(tmp_path):
    """Good 5. Logical 9 beats it, structural 1 loses, dents 5 tie, a biological stain of 9 beats it."""
    data = DataSet(tmp_path).add("test", "good", [picture(5)])
    for kind, score in (("logical_anomalies", 9), ("structural_anomalies", 1), ("dents", 5), ("biological_stain", 9)):
        data.add("test", kind, [picture(score)])
    return data


def test_a_mean_leaves_no_kind_out_and_says_what_it_is_over(mixed):
    auroc = evaluate(FakeScorer(), mixed.images()).image_auroc
    assert (auroc.logical, auroc.structural) == (100.0, 0.0)
    assert auroc.mean == (100 + 0 + 50 + 100) / 4
    assert auroc.mean_of == ("logical", "structural", "biological_stain", "dents")
    assert auroc.members == {"logical": ("logical_anomalies",), "structural": ("structural_anomalies",)}


def test_the_mean_of_localisation_is_over_what_has_masks(mixed):
    mask = np.zeros((8, 10))
    mask[0, 0] = 255
    mixed.mask("logical_anomalies", "000", "a.png", mask).mask("dents", "000", "a.png", mask)
    spro = evaluate(FakeScorer(), mixed.images()).spro
    assert spro.mean_of == ("logical", "dents")
    assert spro.mean[1.0] == pytest.approx((spro.logical[1.0] + spro.by_kind["dents"][1.0]) / 2)


def test_table_and_report_say_what_the_mean_is_over(mixed):
    evaluation = evaluate(FakeScorer(), mixed.images())
    over = "logical (logical_anomalies), structural (structural_anomalies), biological_stain, dents"
    assert f"mean of {over}\n" in evaluation.to_text()
    assert f"The mean is over {over}." in render(evaluation)


def test_a_test_set_without_good_images_names_the_folder_that_holds_them(tmp_path):
    data = DataSet(tmp_path).add("test", "OK", [picture(5)]).add("test", "dents", [picture(9)])
    evaluation = evaluate(FakeScorer(), data.images())
    assert evaluation.doubts == (
        "test/OK is measured as a kind of anomaly, and its name means good images: rename it to test/good, or move its "
        "images there",
        "no good test images, so there is no AUROC and no rate of false rejects: expected test/good, found test/OK, "
        "test/dents",
    )
    assert "rename it to test/good" in evaluation.to_text()
    assert "rename it to test/good" in render(evaluation)
    assert "no AUROC: it takes good test images" in evaluation.to_text()


def test_good_images_beside_good_under_another_name_are_named(tmp_path):
    data = DataSet(tmp_path)
    for kind in ("good", "good_images", "dents"):
        data.add("test", kind, [picture(5)])
    (doubt,) = evaluate(FakeScorer(), data.images()).doubts
    assert doubt.startswith("test/good_images is measured as a kind of anomaly")
