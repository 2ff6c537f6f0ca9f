"""The gate at the end of a training: which runtimes may stand for torch."""

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

from csad.calibration import exporting
from csad.calibration.calibrate import Calibration
from csad.calibration.decision import Decision
from csad.images import read_rgb, scan
from csad.imaging.canvas import Canvas
from csad.imaging.canvas_store import CanvasStore
from csad.lgst.maps import MapNormaliser
from csad.scoring.runtimes.record import GRAPH_FILE
from csad.scoring.scorer import Scorer
from tests.scoring.runtimes.changed_exports import FailingEngine, multiply_output


@pytest.fixture
def gate(exported_model: Path, tiny_line_data, tmp_path, monkeypatch):
    """Passes the gate with the parts of a trained model, and with its graph after a change."""
    scorer = Scorer.load(exported_model, runtime="torch")
    known = scorer.manifest
    canvas = Canvas(known.canvas.box, known.canvas.height, known.canvas.width)
    files = scan(tiny_line_data, scorer.line).validation
    decision = Decision(known.fusion, known.threshold, np.zeros(0), (), {})
    scales = {name: MapNormaliser(*quantiles) for name, quantiles in known.map_scale.items()}

    def passed(change=lambda file: None):
        shutil.copyfile(exported_model / GRAPH_FILE, tmp_path / GRAPH_FILE)
        change(tmp_path / GRAPH_FILE)
        bare = known.export.model_copy(update={"parity": {}})
        monkeypatch.setattr(exporting, "export_graph", lambda *_: bare)
        with CanvasStore(canvas, (read_rgb(file.path) for file in files)) as validation:
            right = scorer.runtime.run(validation.read(0, len(validation))).columns
            calibration = Calibration({}, right, {}, scales)
            model = scorer.runtime.model
            return exporting.export(scorer.line, tmp_path, canvas, model, decision, calibration, validation).parity

    return passed


def test_a_graph_that_computes_as_torch_does_is_accepted_with_what_was_compared(gate):
    found = gate()

    assert set(found) == {"onnxruntime", "openvino"}
    for parity in found.values():
        assert (parity.accepted, parity.images, parity.decisions, parity.explanations) == (True, 5, 0, 0)
        assert 0 <= parity.map_error < 0.01


def test_a_graph_whose_map_alone_is_wrong_is_refused_and_that_is_said(gate, caplog):
    with caplog.at_level(logging.WARNING):
        found = gate(lambda file: multiply_output(file, "map.local", 3))

    for name, parity in found.items():
        assert not parity.accepted
        assert parity.score_error < 1e-3
        assert parity.map_error > 0.2
        reason = f"maps differ by {parity.map_error:.2g} of what normal images reach (0.2 is allowed)"
        assert parity.reason == reason
        assert f"{name} will not be used, but torch: {reason}" in caplog.text


def test_a_graph_that_finds_no_components_is_refused_for_what_it_would_say(gate):
    for parity in gate(lambda file: multiply_output(file, "output.components", 0)).values():
        assert not parity.accepted
        assert parity.score_error < 1e-3
        assert parity.explanations == 5
        assert "5 of 5 images are explained otherwise" in parity.reason


def test_an_engine_that_fails_on_the_images_is_refused_with_its_own_words(gate, monkeypatch):
    monkeypatch.setattr(exporting, "open_engine", FailingEngine)

    for parity in gate().values():
        assert (parity.accepted, parity.reason) == (False, "node Gather: index out of range")
