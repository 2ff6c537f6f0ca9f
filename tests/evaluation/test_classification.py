"""What Kubeflow draws of an evaluation: KFP fails a task whose numbers are not finite."""

import json
import math

from kfp import dsl

from csad.evaluation.classification import Classification
from csad.evaluation.figures import ImageRecord


def records(threshold, **scores):
    """Images by split and kind, such as test_good=[1.0, 2.0]."""
    found = []
    for name, values in scores.items():
        split, kind = name.split("_", 1)
        for number, value in enumerate(values):
            key = f"{split}/{kind}/{number:03d}"
            found.append(ImageRecord(key=key, kind=kind, score=value, anomalous=value > threshold, branches={}))
    return found


def test_curve_and_matrix_are_of_the_test_images_alone():
    found = Classification.of(records(1.5, validation_good=[9.0], test_good=[1.0, 2.0], test_dents=[2.0, 3.0]))
    # At 3 half of the anomalies are found; at 2 all of them, with one of two good images.
    assert found.false_positive_rate == (0.0, 0.0, 0.5, 1.0)
    assert found.true_positive_rate == (0.0, 0.5, 1.0, 1.0)
    assert found.thresholds == (math.nextafter(3.0, math.inf), 3.0, 2.0, 1.0)
    assert found.confusion == ((1, 1), (0, 2))


def test_points_on_a_straight_line_are_left_out():
    found = Classification.of(records(2.5, test_good=[1.0, 2.0], test_dents=[3.0, 4.0]))
    assert list(zip(found.false_positive_rate, found.true_positive_rate, strict=True)) == [(0, 0), (0, 1), (1, 1)]
    assert found.thresholds[1:] == (3.0, 1.0)


def test_without_anomalies_there_is_a_matrix_but_no_curve_and_that_is_said(caplog):
    found = Classification.of(records(1.5, test_good=[1.0, 2.0]))
    assert found == Classification(confusion=((1, 1), (0, 0)))
    assert "no ROC curve: 2 good and 0 anomalous test images" in caplog.text


def test_data_without_test_images_leave_an_empty_artifact(tmp_path):
    (tmp_path / "evaluation.json").write_text('{"line": "kit", "image_auroc": null}')
    artifact = dsl.ClassificationMetrics(uri=str(tmp_path / "artifact"))
    Classification.read(tmp_path / "evaluation.json").log_to(artifact)
    assert artifact.metadata == {}
    assert json.loads((tmp_path / "artifact").read_text())["confusion"] == []


def test_kubeflow_gets_finite_points_and_a_row_per_truth(tmp_path):
    artifact = dsl.ClassificationMetrics(uri=str(tmp_path / "artifact"))
    Classification.of(records(1.5, test_good=[1.0, 2.0], test_dents=[2.0, 3.0])).log_to(artifact)
    told = json.loads(json.dumps(artifact.metadata, allow_nan=False))
    assert told["confidenceMetrics"][1] == {"confidenceThreshold": 3.0, "recall": 0.5, "falsePositiveRate": 0.0}
    assert told["confusionMatrix"]["annotationSpecs"] == [{"displayName": "good"}, {"displayName": "anomalous"}]
    assert told["confusionMatrix"]["rows"] == [{"row": [1, 1]}, {"row": [0, 2]}]
