"""Measurements of several seeds become tables of their mean and their worst."""

from benchmarks.markdown import ablations, detection, other_figures, report
from benchmarks.measurement import Measurement


def run(seed: int, full: float, variant: str = "full", **changes: object) -> Measurement:
    values: dict[str, object] = {
        "data_set": "kit",
        "variant": variant,
        "seed": seed,
        "line": "name: kit",
        "code": "1+abc",
        "date": f"2030-01-0{seed + 1} 10:00",
        "machine": "a processor, 2 cores",
        "training_seconds": 60.0 * (seed + 1),
        "peak_megabytes": 2048.0,
        "auroc": {
            name: {"logical": full - less, "structural": None, "mean": full - less}
            for name, less in {"components": 4, "histogram": 3, "lgst": 2, "full": 0}.items()
        },
        "background_only_auroc": None,
        "spro": {"0.05": 80.0 + seed, "0.3": 90.0},
        "found": {"logical_anomalies": (18, 20)},
        "good": (1, 50),
        "false_reject_rate": 0.01 * seed,
        "validation_false_reject_rate": 0.0,
        "validation_vs_test_good_auroc": 48.0 + 5 * seed,
        "pseudo_label_iou": None,
    }
    return Measurement.model_validate(values | changes)


def test_detection_gives_mean_and_worst_of_each_branch_and_no_column_without_figures():
    lines = detection([run(0, 98.0), run(1, 99.0)]).splitlines()
    assert lines[0] == "| image AUROC, percent | logical, mean | logical, worst |"
    assert lines[-1] == "| full | 98.5 | 98.0 |"
    assert "| lgst | 96.5 | 96.0 |" in lines


def test_worst_is_the_largest_where_less_is_better():
    text = other_figures([run(0, 98.0), run(1, 99.0)])
    assert "| training, minutes | 1.5 | 2.0 |" in text
    assert "| sPRO up to FPR 0.05, percent | 80.5 | 80.0 |" in text
    assert "| good test images rejected, fraction | 0.005 | 0.010 |" in text


def test_worst_difference_between_sessions_is_the_farthest_from_50():
    text = other_figures([run(0, 98.0), run(1, 99.0)])
    assert "| good test against good validation, AUROC (50 = taken alike) | 50.5 | 53.0 |" in text


def test_what_was_not_measured_has_no_row():
    assert "pseudo-labels" not in other_figures([run(0, 98.0)])
    assert "training" not in other_figures([run(0, 98.0, training_seconds=None, peak_megabytes=None)])


def test_ablations_take_branches_of_the_full_method_and_whole_scores_of_other_settings():
    text = ablations([run(0, 98.0), run(0, 90.0, "no_lsa"), run(0, 80.0, "class_histogram")])
    assert "| full method | 98.0 | 98.0 |" in text
    assert "| no LSA | 90.0 | 90.0 |" in text
    assert "| class histogram only (1 x 1) | 76.0 | 76.0 |" in text
    assert "| histogram only | 95.0 | 95.0 |" in text
    assert "| LGST only | 96.0 | 96.0 |" in text


def test_a_report_says_where_it_comes_from():
    text = report("kit", [run(0, 98.0), run(1, 99.0)], "make measure")
    assert "- date: 2030-01-01 10:00 to 2030-01-02 10:00 UTC" in text
    assert "- machine: a processor, 2 cores" in text
    assert "- seeds: 0, 1" in text
    assert "- command: `make measure`" in text
    assert "Ablations" not in text
