"""Both runtimes of the exported graph give what torch gives, for any batch."""

import numpy as np
import pytest

from csad.common.errors import RuntimeRefused
from csad.scoring.model_folder import read_manifest
from csad.scoring.runtimes.choice import device_for
from csad.scoring.runtimes.names import wanted_runtime
from csad.scoring.runtimes.record import check_canvases
from csad.scoring.scorer import Scorer


@pytest.mark.parametrize("count", [1, 2, 9])
def test_scores_maps_and_explanations_are_those_of_torch(reference, graph, photos, count):
    expected, found = reference.score_batch(photos[:count]), graph.score_batch(photos[:count])

    assert len(found) == count
    for right, score in zip(expected, found, strict=True):
        assert score.value == pytest.approx(right.value, rel=1e-3)
        assert score.branches == pytest.approx(right.branches, rel=1e-3, abs=1e-3)
        assert score.map == pytest.approx(right.map, abs=1e-3)
        assert score.explanations == right.explanations
        assert score.anomalous == right.anomalous


def test_a_product_without_components_is_explained_as_torch_explains_it(graph, reference):
    canvas, classes = graph.manifest.canvas, graph.manifest.classes
    background = np.zeros((1, classes + 1, canvas.height // 4, canvas.width // 4), np.float32)
    background[:, 0] = 1

    found, expected = (
        scorer.runtime.explainers[0].explain({"components": background}, 0) for scorer in (graph, reference)
    )

    assert found.sentences == expected.sentences
    assert any("missing" in sentence for sentence in found.sentences)
    assert np.array_equal(found.heat, expected.heat)


def test_the_score_is_the_fusion_of_the_raw_scores(graph, photos):
    canvas = graph.manifest.canvas
    found = graph.runtime.run(check_canvases(canvas.height, canvas.width))
    fusion = graph.manifest.fusion

    assert found.fused == pytest.approx(fusion.combine(fusion.branch_scores(found.columns)), rel=1e-4)


def test_the_manifest_says_how_near_each_runtime_came(exported_model):
    export = read_manifest(exported_model).export

    assert set(export.parity) == {"onnxruntime", "openvino"}
    for parity in export.parity.values():
        assert parity.accepted
        assert parity.images == 5
        assert parity.decisions == 0
        assert parity.score_error <= 1e-3


def test_the_first_that_is_installed_is_taken_and_names_itself(exported_model):
    assert Scorer.load(exported_model).runtime.described().startswith("onnxruntime 1.")


def test_a_model_without_a_graph_is_computed_by_torch(tiny_model):
    assert Scorer.load(tiny_model).runtime.name == "torch"


def test_a_graph_that_is_asked_for_and_missing_is_refused(tiny_model):
    with pytest.raises(RuntimeRefused, match="has no exported graph"):
        Scorer.load(tiny_model, runtime="openvino")


def test_a_graph_on_a_gpu_is_refused(exported_model, monkeypatch):
    monkeypatch.setattr("csad.scoring.scorer.check_device", lambda name: None)
    monkeypatch.setattr("csad.scoring.runtimes.choice.check_device", lambda name: None)

    with pytest.raises(RuntimeRefused, match="computes on the CPU alone, and cuda is asked for"):
        Scorer.load(exported_model, device="cuda", runtime="onnxruntime")


def test_the_environment_chooses_and_a_name_chooses_over_it(monkeypatch):
    monkeypatch.setenv("CSAD_RUNTIME", "openvino")

    assert wanted_runtime() == "openvino"
    assert wanted_runtime("torch") == "torch"


def test_an_unknown_name_in_the_environment_is_refused_with_those_that_are_known(monkeypatch):
    monkeypatch.setenv("CSAD_RUNTIME", "tensorrt")

    with pytest.raises(RuntimeRefused, match=r"'tensorrt' \(CSAD_RUNTIME asks for it\).*onnxruntime, openvino, torch"):
        wanted_runtime()


def test_a_graph_that_is_asked_for_is_computed_on_the_cpu():
    assert device_for("openvino", None) == "cpu"


def test_the_check_image_holds_every_grey_level_that_its_formula_gives():
    image = check_canvases(32, 48)

    assert image.shape == (1, 32, 48, 3)
    assert image.dtype == np.uint8
    # Row 16, column 24, green: stripe (1 + 1 + 1) % 3 = 0, ramp (16 + 48) % 64 = 0.
    assert image[0, 16, 24, 1] == 0
    # Row 0, column 0, blue: stripe 2, ramp 0.
    assert image[0, 0, 0, 2] == 192
