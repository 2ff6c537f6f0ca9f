import json

from csad.packaging.provenance import read_score_kinds, read_scores


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


def test_a_kind_that_has_the_name_of_a_figure_is_told_apart(tmp_path):
    areas = {"mean": 75.0, "by_kind": {"mean": 100.0, "dents": 50.0}}
    (tmp_path / "evaluation.json").write_text(json.dumps({"line": "kit", "image_auroc": areas}))

    found = read_scores(tmp_path)

    assert (found["mean"], found["kind mean"], found["dents"]) == (75.0, 100.0, 50.0)


def test_the_figures_say_which_kinds_they_are_over(tmp_path):
    areas = {"logical": 50.0, "mean": 75.0, "mean_of": ["logical", "dents"], "members": {"logical": ["logical_a", "b"]}}
    (tmp_path / "evaluation.json").write_text(json.dumps({"line": "kit", "image_auroc": areas}))

    assert read_score_kinds(tmp_path) == {"logical": ("logical_a", "b"), "mean": ("logical", "dents")}


def test_an_evaluation_from_before_kinds_were_kept_says_none(tmp_path):
    (tmp_path / "evaluation.json").write_text(json.dumps({"line": "kit", "image_auroc": {"mean": 75.0}}))

    assert read_score_kinds(tmp_path) == {}
