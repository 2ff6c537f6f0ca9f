"""A hundred graphs that are damaged, of others, or missing: refused with the reason, or torch is used and that is said.

A graph is trusted as every file of the folder is: by its checksum in the manifest. What is changed and then sealed with
a checksum that fits is found out only where it is unreadable, of another model, or far off on the check image.
"""

import contextlib
import logging
import shutil

import numpy as np
import onnx
import pytest

from csad.common.errors import CsadError, ModelFolderError, RuntimeRefused
from csad.scoring.model_folder import read_manifest
from csad.scoring.runtimes.record import GRAPH_FILE
from csad.scoring.scorer import Scorer
from tests.scoring.runtimes.changed_exports import resealed


@pytest.fixture
def folder(exported_model, tmp_path):
    return shutil.copytree(exported_model, tmp_path / "model")


def scored_as_torch_or_refused(folder, photos, expected):
    """The reason; or None where the images were scored, as torch scores them."""
    try:
        scorer = Scorer.load(folder)
    except CsadError as error:
        return str(error)
    found = [score.value for score in scorer.score_batch(photos)]
    assert found == pytest.approx(expected, rel=1e-3)
    return None


@pytest.fixture(scope="module")
def expected(reference, photos):
    return [score.value for score in reference.score_batch(photos[::4])]


@pytest.mark.parametrize("seed", range(60))
def test_a_changed_byte_is_refused_by_file_name(folder, seed):
    generator = np.random.default_rng(seed)
    content = bytearray((folder / GRAPH_FILE).read_bytes())
    content[generator.integers(len(content))] ^= int(generator.integers(1, 256))
    (folder / GRAPH_FILE).write_bytes(content)

    with pytest.raises(ModelFolderError, match=rf"{GRAPH_FILE} was changed"):
        Scorer.load(folder)


@pytest.mark.parametrize("seed", range(24))
def test_a_changed_byte_under_a_fitting_checksum_ends_in_numbers_or_a_reason(folder, photos, seed):
    generator = np.random.default_rng(1000 + seed)
    content = bytearray((folder / GRAPH_FILE).read_bytes())
    # Half of them where the operations stand, half anywhere among the weights.
    place = generator.integers(20_000) if seed % 2 else generator.integers(len(content))
    content[place] ^= int(generator.integers(1, 256))
    (folder / GRAPH_FILE).write_bytes(content)
    resealed(folder)

    for runtime in ("onnxruntime", "openvino"):
        with contextlib.suppress(RuntimeRefused):
            found = Scorer.load(folder, runtime=runtime).score_batch(photos[::4])
            assert np.isfinite([score.value for score in found]).all()


@pytest.mark.parametrize("length", [0, 1, 1000, -1])
def test_a_truncated_graph_under_a_fitting_checksum_is_not_used_and_that_is_said(
    folder, photos, expected, length, caplog
):
    content = (folder / GRAPH_FILE).read_bytes()
    (folder / GRAPH_FILE).write_bytes(content[:length])
    resealed(folder)

    with caplog.at_level(logging.WARNING):
        assert scored_as_torch_or_refused(folder, photos[::4], expected) is None

    assert "onnxruntime is not used" in caplog.text
    with pytest.raises(RuntimeRefused, match=r"does not read scorer\.onnx"):
        Scorer.load(folder, runtime="onnxruntime")


@pytest.mark.parametrize("name", [GRAPH_FILE, "memory_bank.safetensors", "component_histogram.safetensors"])
def test_a_missing_file_is_refused_by_its_name(folder, name):
    (folder / name).unlink()

    with pytest.raises(ModelFolderError, match=f"{name} is missing"):
        Scorer.load(folder)


@pytest.mark.parametrize("format_", [0, 2, 99])
def test_another_version_of_the_graph_is_refused_and_torch_is_used(folder, photos, expected, format_, caplog):
    resealed(folder, format=format_)

    with caplog.at_level(logging.WARNING):
        assert scored_as_torch_or_refused(folder, photos[::4], expected) is None

    assert f"has format {format_}, this csad reads 1" in caplog.text
    with pytest.raises(RuntimeRefused, match=f"has format {format_}"):
        Scorer.load(folder, runtime="openvino")


def scaled(name):
    """Multiplies the weights of one initializer by 1.05."""

    def change(graph):
        tensor = next(one for one in graph.graph.initializer if len(one.dims) > 1 and one.data_type == 1)
        values = onnx.numpy_helper.to_array(tensor) * np.float32(1.05)
        tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))

    return change


def renamed_output(graph):
    graph.graph.output[0].name = "columns2"
    for node in graph.graph.node:
        node.output[:] = ["columns2" if name == "columns" else name for name in node.output]


def other_size(graph):
    graph.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 64


def other_type(graph):
    graph.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT


@pytest.mark.parametrize("change", [scaled("first"), renamed_output, other_size, other_type])
def test_a_graph_of_another_model_is_not_used(folder, photos, expected, change, caplog):
    graph = onnx.load(folder / GRAPH_FILE)
    change(graph)
    onnx.save(graph, folder / GRAPH_FILE)
    resealed(folder)

    with caplog.at_level(logging.WARNING):
        assert scored_as_torch_or_refused(folder, photos[::4], expected) is None

    assert "onnxruntime is not used" in caplog.text
    assert "openvino is not used" in caplog.text


@pytest.mark.parametrize(
    "changes",
    [
        {"columns": ("components@1",)},
        {"expected": {}},
        {"expected": {"fused": 1.0}},
        {"maps": ("somewhere",)},
        {"outputs": ("words",)},
        {"parity": {}},
    ],
)
def test_a_record_that_does_not_fit_its_graph_is_not_believed(folder, photos, expected, changes, caplog):
    resealed(folder, **changes)

    with caplog.at_level(logging.WARNING):
        assert scored_as_torch_or_refused(folder, photos[::4], expected) is None

    assert "onnxruntime is not used" in caplog.text


def test_a_whole_folder_is_read_again(folder):
    assert read_manifest(folder).export.file == GRAPH_FILE


def test_a_model_of_a_csad_that_compared_scores_alone_says_so_and_computes(folder, caplog):
    export = read_manifest(folder).export
    older = export.parity["onnxruntime"].model_copy(update={"map_error": None, "explanations": None})
    resealed(folder, parity={**export.parity, "onnxruntime": older})

    with caplog.at_level(logging.WARNING):
        assert Scorer.load(folder).runtime.name == "onnxruntime"
        Scorer.load(folder, runtime="openvino")

    (warning,) = (record.getMessage() for record in caplog.records)
    assert warning == (
        f"onnxruntime: when {folder} was trained, its scores were compared with torch's, its maps and explanations "
        "were not; csad optimise compares them"
    )
