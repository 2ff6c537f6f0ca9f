"""csad beside other methods: who takes part, how turns are taken, and what becomes of the figures."""

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.side_by_side import __main__ as command
from benchmarks.side_by_side import accuracy, contenders, loading, picture, results, turns
from benchmarks.side_by_side.contenders import Contender
from benchmarks.side_by_side.turns import Measured, Taken
from csad.common.errors import CsadError, DatasetError


def a_row(method: str, runtime: str, milliseconds: float, auroc: dict[str, float] | None = None) -> results.Row:
    return results.Row(
        method=method,
        runtime=runtime,
        version="1",
        precision="float32",
        milliseconds=2 * milliseconds,
        processor_milliseconds=milliseconds,
        per_second=1.0,
        per_processor_second=1.0,
        start=1.0,
        processor_start=1.0,
        single_memory=256.0,
        memory=512.0,
        megabytes=10.0,
        auroc=auroc,
    )


def a_comparison(*rows: results.Row, left_out: tuple[str, ...] = ()) -> results.Comparison:
    return results.Comparison(
        rows=rows,
        left_out=left_out,
        batch=8,
        singles=4,
        batches=1,
        starts=1,
        threads=1,
        images="16 of 320x320",
        test_images=120,
        date="2026-01-01 00:00",
        machine="a machine, 2 cores",
        load=0.5,
        commit="abc",
        versions={"torch": "1"},
        command="python -m benchmarks.side_by_side",
    )


COMPARED = a_comparison(
    a_row("csad", "torch", 100.0, {"logical_anomalies": 98.0, "structural_anomalies": 94.0, "mean": 96.0}),
    a_row("csad", "openvino", 25.0, {"logical_anomalies": 97.0, "structural_anomalies": 93.0, "mean": 95.0}),
    a_row("Other", "torch", 400.0),
    a_row("Other", "openvino", 200.0),
    left_out=("anomalib: there is no environment",),
)


def test_each_turn_begins_with_the_next_contender():
    orders = [turns.rotated(["a", "b", "c"], turn) for turn in range(4)]

    assert orders == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"], ["a", "b", "c"]]


def test_auroc_is_of_each_kind_against_the_good_images():
    # Logical: of four pairs three are in order. Structural: both pairs are.
    scores = [1.0, 3.0, 2.0, 4.0, 5.0]
    kinds = ["good", "good", "logical_anomalies", "logical_anomalies", "structural_anomalies"]

    assert accuracy.areas(scores, kinds) == {
        "logical_anomalies": 75.0,
        "structural_anomalies": 100.0,
        "mean": 87.5,
    }


def test_figures_are_medians_and_rates_are_of_a_batch(tmp_path):
    (tmp_path / "model.onnx").write_bytes(bytes(3_000_000))
    measured = Measured(
        starts=Taken([2.0], [1.0]),
        single=Taken([0.010, 0.030, 0.020], [0.001, 0.003, 0.002]),
        batch=Taken([0.8, 0.4], [0.1, 0.3]),
        single_memory=2**28,
        memory=2**29,
        precision="bfloat16",
        version="7",
    )

    found = results.row(Contender("Other", "openvino", "network", tmp_path), measured, 8, None)

    assert found.milliseconds == pytest.approx(20)
    assert found.processor_milliseconds == pytest.approx(2)
    assert found.per_second == pytest.approx(8 / 0.6)
    assert found.per_processor_second == pytest.approx(8 / 0.2)
    assert (found.single_memory, found.memory, found.megabytes) == (256, 512, 3)


def test_of_a_network_with_a_graph_for_each_batch_the_first_counts_as_its_size(tmp_path):
    (tmp_path / "batch-1.onnx").write_bytes(bytes(1_000_000))
    (tmp_path / "batch-8.onnx").write_bytes(bytes(2_000_000))

    assert Contender("Other", "onnxruntime", "network", tmp_path).megabytes == 1


def test_a_graph_for_the_batch_goes_before_none_and_one_for_any_number_serves_all(tmp_path):
    for name in ("batch-1.onnx", "batch-8.onnx"):
        (tmp_path / name).touch()
    assert loading.graph_for(tmp_path, 8).name == "batch-8.onnx"

    (tmp_path / "any").mkdir()
    (tmp_path / "any" / "model.onnx").touch()
    assert [loading.graph_for(tmp_path / "any", batch).name for batch in (1, 8)] == ["model.onnx", "model.onnx"]


def test_the_ratio_is_between_the_best_runtimes():
    text = results.markdown(COMPARED)

    assert "- csad, openvino / Other, openvino: 0.12" in text  # 25 / 200
    assert "| Other | openvino (float32) | 400.0 | 200.0 | 8.00 |" in text


def test_who_is_left_out_is_said_and_detection_without_weights_is_not_claimed():
    text = results.markdown(COMPARED)

    assert "- left out: anomalib: there is no environment" in text
    assert "not measured: Other." in text
    assert "| csad | torch | 98.0 | 94.0 | 96.0 |" in text
    assert "| Other | torch | 9" not in text


def test_the_picture_has_measured_methods_on_the_axes_and_the_others_below():
    name = "{http://www.w3.org/2000/svg}"
    root = ElementTree.fromstring(picture.picture(COMPARED))
    circles = defaultdict(list)
    for circle in root.iter(f"{name}circle"):
        circles[circle.get("class")].append((float(circle.get("cx", 0)), float(circle.get("cy", 0))))

    (slow, slow_height), (fast, fast_height) = circles["csad"]
    assert fast < slow
    assert slow_height < fast_height  # 96 stands above 95
    assert len(circles["bare"]) == 2
    assert all(height > picture.FLOOR for _, height in circles["bare"])


def test_the_area_of_a_circle_grows_as_the_memory():
    small, large = a_row("a", "torch", 1.0), a_row("a", "torch", 1.0).model_copy(update={"single_memory": 1024.0})

    assert (picture.radius(small), picture.radius(large)) == (4, 8)


def test_without_its_environment_anomalib_is_left_out_with_the_command_that_makes_it(tmp_path, monkeypatch):
    monkeypatch.setattr(contenders, "ENVIRONMENT", tmp_path / ".venv-anomalib")

    found, (reason,) = contenders.anomalib(tmp_path)

    assert found == []
    assert "make anomalib" in reason


def test_a_folder_that_is_no_checkout_of_the_authors_is_refused(tmp_path):
    with pytest.raises(CsadError, match=r"has no models/onnx_model\.py"):
        contenders.authors(tmp_path, tmp_path)


def test_an_export_that_fails_is_an_error_and_is_tried_again(tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "onnx_model.py").write_text("raise SystemExit(3)\n")

    with pytest.raises(CsadError, match="exit code 3"):
        contenders.authors(tmp_path, tmp_path / "output")
    assert not (tmp_path / "output" / "authors" / contenders.EXPORTED).exists()


def test_without_anomalies_there_is_nothing_to_detect(tmp_path):
    for index in range(3):
        path = tmp_path / "train" / "good" / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((32, 32, 3), 60 * index, np.uint8)).save(path)

    with pytest.raises(DatasetError, match="test/good"):
        accuracy.read_images(tmp_path)


def test_networks_see_the_same_squares_as_numbers_from_0_to_1(tmp_path):
    Image.fromarray(np.full((10, 20, 3), (0, 51, 255), np.uint8)).save(tmp_path / "a.png")

    inputs = command.write_inputs([tmp_path / "a.png"], tmp_path / "inputs")

    shapes = {}
    for kind, path in inputs.items():
        with np.load(path) as stored:
            shapes[kind] = stored["arr_0"].shape, stored["arr_0"].dtype.name
            network = stored["arr_0"]
    assert shapes == {
        "csad": ((10, 20, 3), "uint8"),
        "patchcore": ((256, 256, 3), "uint8"),
        "network": ((3, 256, 256), "float32"),
    }
    assert network[:, 0, 0] == pytest.approx([0, 0.2, 1])


def test_a_process_that_fails_to_start_is_left_out_and_the_others_go_on(exported_model, tiny_line_data, tmp_path):
    inputs = command.write_inputs(sorted((tiny_line_data / "test" / "good").iterdir()), tmp_path / "inputs")
    sound = Contender("csad", "onnxruntime", "csad", exported_model)
    broken = Contender("Other", "onnxruntime", "network", tmp_path / "nothing")

    measured, left_out = turns.measure([broken, sound], inputs, 1, starts=1, singles=2, batches=1, batch=8)

    assert left_out == ["Other, onnxruntime ended with exit code 1; its message is above"]
    (own,) = measured.values()
    assert (len(own.starts.clock), len(own.single.clock), len(own.batch.processors)) == (1, 2, 1)
    assert own.precision == "float32"
    assert 0 < own.single_memory <= own.memory
    assert 0 < own.starts.processors[0] < own.starts.clock[0] * 2


def test_the_peak_memory_is_of_the_process_alone_and_not_of_the_one_that_started_it():
    held = np.ones(2**26)  # 512 MiB in this process
    script = "from benchmarks.side_by_side.loading import peak_memory; print(peak_memory())"

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[2], capture_output=True, check=True
    )

    assert held.nbytes == 2**29
    assert int(done.stdout) < 2**28


def test_our_own_part_is_measured_where_neither_anomalib_nor_a_checkout_is(
    exported_model, tiny_line_data, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(contenders, "ENVIRONMENT", tmp_path / "absent")
    arguments = (exported_model, "--data", tiny_line_data, "--output", tmp_path / "output", "--threads", "1")
    counts = ("--rounds", "1", "--batches", "1", "--starts", "1")
    monkeypatch.setattr(sys, "argv", ["side_by_side", *map(str, arguments), *counts])

    command.main()

    printed = capsys.readouterr().out
    found = results.Comparison.model_validate_json((tmp_path / "output" / "results.json").read_text())
    assert {one.name for one in found.rows} == {
        "csad, torch",
        "csad, onnxruntime",
        "csad, openvino",
        "PatchCore (EfficientNet-Lite0), torch",
    }
    assert found.test_images == 9
    assert all(one.auroc is not None for one in found.rows)
    assert len({one.auroc["mean"] for one in found.rows if one.method == "csad"}) == 1  # as the runtimes agree
    assert "make anomalib" in printed
    assert (tmp_path / "output" / "results.md").read_text() in printed
    assert (tmp_path / "output" / "picture.svg").read_text().startswith("<svg ")


def test_a_model_that_is_not_there_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["side_by_side", str(tmp_path)])

    with pytest.raises(SystemExit, match="make demo trains one"):
        command.main()
