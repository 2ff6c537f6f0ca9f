"""What `csad optimise` wrote down holds for this model on this machine, and nothing else."""

import json
import logging
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from csad.calibration import optimising
from csad.calibration.optimising import optimise
from csad.cli import main
from csad.common.errors import RuntimeRefused
from csad.images import read_rgb
from csad.scoring.model_folder import read_manifest
from csad.scoring.runtimes.record import GRAPH_FILE
from csad.scoring.runtimes.tuned import TUNED_FILE, read_tuned
from csad.scoring.scorer import Scorer
from tests.scoring.runtimes.changed_exports import FailingEngine, multiply_output, resealed


@pytest.fixture(scope="module")
def tuned(exported_model, tiny_line_data, tmp_path_factory):
    """A copy of the model that was measured on this machine."""
    folder = shutil.copytree(exported_model, tmp_path_factory.mktemp("tuned") / "model")
    done = CliRunner().invoke(main, ["optimise", str(folder), "--data", str(tiny_line_data), "--json"])
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def folder(tuned, tmp_path):
    return shutil.copytree(tuned, tmp_path / "model")


def test_every_runtime_and_precision_is_measured_or_refused_with_a_reason(tuned):
    found = json.loads((tuned / TUNED_FILE).read_text())["measured"]

    assert {(one["runtime"], one["precision"]) for one in found} == {
        ("torch", "float32"),
        ("onnxruntime", "float32"),
        ("openvino", "float32"),
        ("openvino", "bfloat16"),
        ("onnxruntime", "int8"),
    }
    for one in found:
        assert one["accepted"] == (one["reason"] == "") == (one["milliseconds"] is not None)
        assert (one["map_error"] is None) == (one["runtime"] == "torch" or "does not read" in one["reason"])
        assert not (one["accepted"] and one["map_error"] and one["map_error"] > 0.2)
    accepted = {(one["runtime"], one["precision"]) for one in found if one["accepted"]}
    assert {("torch", "float32"), ("onnxruntime", "float32"), ("openvino", "float32")} <= accepted


def test_a_graph_whose_maps_alone_are_wrong_is_not_chosen(exported_model, tiny_line_data, tmp_path):
    folder = shutil.copytree(exported_model, tmp_path / "model")
    multiply_output(folder / GRAPH_FILE, "map.local", 3)
    resealed(folder)
    scorer = Scorer.load(folder, runtime="torch")
    good = [scorer.to_input(read_rgb(file)) for file in sorted((tiny_line_data / "train/good").iterdir())]

    found = optimise(folder, good, good[:2])

    assert found.runtime == "torch"
    for one in found.measured:
        if one.precision == "float32" and one.runtime != "torch":
            assert one.reason.startswith("maps differ by ")
            assert one.reason.endswith(" of what normal images reach (0.2 is allowed)")


def test_engines_that_fail_on_the_images_are_refused_with_their_own_words(
    exported_model, tiny_line_data, tmp_path, monkeypatch
):
    folder = shutil.copytree(exported_model, tmp_path / "model")
    monkeypatch.setattr(optimising, "open_engine", FailingEngine)
    monkeypatch.setattr(optimising, "_candidates", lambda: [("onnxruntime", "float32"), ("openvino", "float32")])
    scorer = Scorer.load(folder, runtime="torch")
    good = [scorer.to_input(read_rgb(file)) for file in sorted((tiny_line_data / "train/good").iterdir())]

    found = optimise(folder, good, good[:2])

    assert found.runtime == "torch"
    assert [one.reason for one in found.measured[1:]] == ["node Gather: index out of range"] * 2


def test_the_fastest_that_was_accepted_is_used_from_then_on(tuned):
    record = json.loads((tuned / TUNED_FILE).read_text())
    fastest = min((one for one in record["measured"] if one["accepted"]), key=lambda one: one["milliseconds"])

    assert (record["runtime"], record["precision"]) == (fastest["runtime"], fastest["precision"])
    assert Scorer.load(tuned).runtime.name == fastest["runtime"]


def test_the_model_itself_does_not_change(tuned, exported_model):
    assert read_manifest(tuned) == read_manifest(exported_model)


def changed(folder, **changes):
    record = json.loads((folder / TUNED_FILE).read_text()) | changes
    (folder / TUNED_FILE).write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": 1}, "is of another model or version"),
        ({"format": 3}, "is of another model or version"),
        ({"model": "0" * 64}, "is of another model or version"),
        ({"file": "scorer.onnx", "sha256": "0" * 64}, "is missing or was changed"),
        ({"file": "none.onnx"}, "is missing or was changed"),
        ({"unknown": 1}, "is damaged"),
    ],
)
def test_a_record_that_does_not_hold_is_said_and_not_used(folder, changes, said, caplog):
    changed(folder, **changes)

    with caplog.at_level(logging.WARNING):
        assert read_tuned(folder, read_manifest(folder).checksum) is None

    assert said in caplog.text
    assert Scorer.load(folder).runtime.name == "onnxruntime"


def test_a_record_of_another_machine_is_not_used(folder):
    changed(folder, machine="another")

    assert read_tuned(folder, read_manifest(folder).checksum) is None


def test_a_runtime_that_computes_otherwise_than_it_did_is_not_used(folder, caplog):
    export = read_manifest(folder).export
    sha256 = read_manifest(folder).files[export.file]
    expected = {**export.expected, "fused": export.expected["fused"] * 2}
    changed(folder, runtime="openvino", precision="float32", file=export.file, sha256=sha256, expected=expected)

    with caplog.at_level(logging.WARNING):
        assert Scorer.load(folder).runtime.name == "onnxruntime"

    assert "what csad optimise chose is not used" in caplog.text


def test_a_model_without_a_graph_is_refused(tiny_model):
    with pytest.raises(RuntimeRefused, match="has no exported graph"):
        optimise(tiny_model, [np.zeros((96, 96, 3), np.uint8)], [])


def test_a_handful_of_images_is_refused(exported_model):
    with pytest.raises(RuntimeRefused, match="1 good images show too little; give at least 20"):
        optimise(exported_model, [np.zeros((96, 96, 3), np.uint8)], [])
