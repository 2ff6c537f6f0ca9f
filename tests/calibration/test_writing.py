"""A model folder written of parts that are at hand."""

from dataclasses import replace

import pytest

from csad.calibration.calibrate import Calibration
from csad.calibration.decision import Decision
from csad.calibration.writing import write
from csad.images import read_rgb, scan
from csad.imaging.canvas import Canvas
from csad.lgst.maps import MapNormaliser
from csad.scoring.scorer import Scorer


@pytest.fixture(scope="module")
def scorer(tiny_model):
    return Scorer.load(tiny_model, runtime="torch")


@pytest.fixture
def parts(scorer):
    """The trained parts of a model, as the stage hands them to the last step."""
    known = scorer.manifest
    scales = {name: MapNormaliser(*quantiles) for name, quantiles in known.map_scale.items()}
    decision = Decision(known.fusion, known.threshold, known.normal_scores, known.odd_images, known.synthetic_detection)
    return {
        "line": scorer.line,
        "canvas": Canvas(known.canvas.box, known.canvas.height, known.canvas.width),
        "model": scorer.runtime.model,
        "calibration": Calibration({}, {}, {}, scales),
        "decision": decision,
        "border": known.border,
        "export": None,
        "classes": known.classes,
        "types": known.types,
        "snapshot": known.snapshot,
        "seed": known.seed,
        "registration": None,
    }


def test_what_was_written_is_the_same_model(scorer, parts, tiny_line, tiny_line_data, tmp_path):
    manifest = write(tmp_path, **parts)

    image = read_rgb(scan(tiny_line_data, tiny_line).test[0].path)
    known = {name: digest for name, digest in scorer.manifest.files.items() if name.endswith(".safetensors")}
    assert manifest.files == known, "the same bytes"
    assert Scorer.load(tmp_path, runtime="torch").score(image).value == scorer.score(image).value


def test_a_model_has_a_file_for_each_branch_that_it_has_and_no_other(parts, tmp_path):
    few = parts["model"].only(lambda branch: branch.kind == "memory_bank")

    manifest = write(tmp_path, **parts | {"model": few})

    assert manifest.branches == ("memory_bank",)
    assert set(manifest.files) == {"backbone.safetensors", "teacher.safetensors", "memory_bank.safetensors"}


def test_the_threshold_that_was_decided_is_the_models(parts, tmp_path):
    threshold = parts["decision"].threshold.model_copy(update={"value": 12.5})

    write(tmp_path, **parts | {"decision": replace(parts["decision"], threshold=threshold)})

    assert Scorer.load(tmp_path).threshold == 12.5
