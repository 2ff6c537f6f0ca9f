"""A measurement is trained and evaluated once, then read."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks import measure as measure_command
from benchmarks import measurement
from benchmarks.baselines import Baselines
from benchmarks.datasets import ABLATIONS, FULL, NO_LSA, DataSet
from benchmarks.measurement import Measurement, measure
from csad.common.errors import CsadError
from csad.config.line import ProductLine

FIGURES = {
    "branches": {"full": {"logical": 97.0, "structural": None, "mean": 97.0, "by_kind": {}, "intervals": {}}},
    "background_only_auroc": None,
    "spro": {"all": {"0.05": 10.0}, "mean": {"0.05": 12.0, "0.3": 14.0}},
    "false_reject_rate": 0.02,
    "false_rejects": {"validation": {"rate": 0.01}, "test_good": {"rejected": 1, "images": 50}},
    "detection_rate": {"logical_anomalies": {"rejected": 18, "images": 20}},
    "validation_vs_test_good_auroc": 51.0,
}
PROGRAM = """
import json, pathlib, sys
with open({log!r}, "a") as log:
    log.write(sys.argv[1] + "\\n")
if sys.argv[1] == "evaluate":
    print({figures!r})
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The csad command is replaced by one that only notes what it was called for."""
    log = tmp_path / "calls.txt"
    program = tmp_path / "csad.py"
    program.write_text(PROGRAM.format(log=str(log), figures=json.dumps(FIGURES)))
    monkeypatch.setattr(measurement, "CSAD", (sys.executable, str(program)))
    return log


def test_a_run_trains_evaluates_and_keeps_its_figures(tmp_path, calls):
    found = measure(DataSet("kit", tmp_path), FULL, 0, tmp_path / "out", any_code=False)
    assert calls.read_text().split() == ["train", "evaluate"]
    assert found.auroc == {"full": {"logical": 97.0, "structural": None, "mean": 97.0}}
    assert found.decisions.auroc == {"logical_anomalies": 97.0}
    assert found.decisions.found == {"logical_anomalies": (18, 20)}
    assert found.decisions.good == (1, 50)
    assert found.spro == {"0.05": 12.0, "0.3": 14.0}
    assert found.training_seconds > 0
    assert found.peak_megabytes > 1
    assert Measurement.find(tmp_path / "out" / "kit-full-0.json") == found
    assert ProductLine.from_file(tmp_path / "out" / "kit-full-0" / "line.yaml") == ProductLine(name="kit")


def test_a_kept_result_is_read_and_nothing_runs(tmp_path, calls):
    first = measure(DataSet("kit", tmp_path), FULL, 0, tmp_path / "out", any_code=False)
    calls.unlink()
    assert measure(DataSet("kit", tmp_path), FULL, 0, tmp_path / "out", any_code=False) == first
    assert not calls.exists()


def test_a_result_of_other_code_is_measured_anew_unless_any_code_will_do(tmp_path, calls, monkeypatch):
    measure(DataSet("kit", tmp_path), FULL, 0, tmp_path / "out", any_code=False)
    monkeypatch.setattr(measurement, "code_version", lambda module: "other")
    assert measure(DataSet("kit", tmp_path), FULL, 0, tmp_path / "out", any_code=True).code != "other"
    assert measure(DataSet("kit", tmp_path), FULL, 0, tmp_path / "out", any_code=False).code == "other"


def test_a_training_that_takes_over_finished_stages_reports_no_time(tmp_path, calls):
    stage = tmp_path / "out" / "kit-full-0" / "model.stages" / "masks-0"
    stage.mkdir(parents=True)
    (stage / "000.json").write_text("{}")
    found = measure(DataSet("kit", tmp_path), NO_LSA, 0, tmp_path / "out", any_code=False)
    assert found.training_seconds is None
    assert (tmp_path / "out" / "kit-no_lsa-0" / "model.stages" / "masks-0" / "000.json").is_file()


def test_a_failed_training_is_an_error_and_leaves_no_result(tmp_path, monkeypatch):
    monkeypatch.setattr(measurement, "CSAD", (sys.executable, "-c", "raise SystemExit(1)"))
    with pytest.raises(CsadError, match="exit code 1"):
        measure(DataSet("kit", tmp_path), FULL, 0, tmp_path / "out", any_code=False)
    assert not (tmp_path / "out" / "kit-full-0.json").exists()


def test_variants_differ_from_a_fresh_line_in_what_they_name_only():
    fresh = ProductLine(name="kit")
    changed = {variant.name: variant.line("kit") for variant in ABLATIONS}
    assert changed["no_lsa"].segmentation == fresh.segmentation.model_copy(update={"lsa": False})
    assert changed["class_histogram"].histogram == fresh.histogram.model_copy(update={"grids": (1,)})
    assert changed["no_lsa"].histogram == fresh.histogram


def test_the_help_says_which_ablations_there_are(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["measure", "--help"])
    monkeypatch.setenv("COLUMNS", "500")
    with pytest.raises(SystemExit):
        measure_command.main()
    text = capsys.readouterr().out
    assert "no_lsa (segmentation.lsa: False); class_histogram (histogram.grids: [1])" in text
    assert all(f"{variant.name} (" in text for variant in ABLATIONS)


@pytest.mark.parametrize(
    ("ablations", "expected"),
    [
        ([], ["full"]),
        (["--ablations"], ["full", *(variant.name for variant in ABLATIONS)]),
        (["--ablations", "plain_sum", "no_lsa"], ["full", "no_lsa", "plain_sum"]),
    ],
)
def test_the_full_method_and_the_named_ablations_are_measured(tmp_path, calls, monkeypatch, ablations, expected):
    monkeypatch.setattr(measure_command, "DATA_SETS", (DataSet("kit", tmp_path),))
    monkeypatch.setattr(measure_command, "measure_baselines", lambda *_: Baselines.model_construct(decisions=()))
    monkeypatch.setattr(sys, "argv", ["measure", "--seeds", "0", "--output", str(tmp_path / "out"), *ablations])
    measure_command.main()
    assert {path.stem for path in (tmp_path / "out").glob("*.json")} == {f"kit-{name}-0" for name in expected}
