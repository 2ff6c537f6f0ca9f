import json

from csad.delivery.provenance import read_scores


def test_a_kind_that_has_the_name_of_a_type_does_not_stand_for_all_of_it(tmp_path):
    areas = {"logical": 50.0, "mean": 50.0, "by_kind": {"logical": 100.0, "logical_hard": 0.0}}
    figures = {"line": "kit", "image_auroc": areas, "false_reject_rate": 0.1}
    (tmp_path / "evaluation.json").write_text(json.dumps(figures))

    assert read_scores(tmp_path) == {
        "logical": 50.0,
        "structural": None,
        "mean": 50.0,
        "logical_hard": 0.0,
        "false_reject_rate": 0.1,
    }
