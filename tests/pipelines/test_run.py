"""`python -m pipelines run`: the real pipeline, one process per task, on a tiny line."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from csad.images import read_rgb
from csad.runner.packed import unpack
from csad.scoring.scorer import Scorer
from csad.store.datasets import list_datasets
from csad.store.embedded import EmbeddedStore
from csad.store.objects import ObjectStore
from csad.store.registry import list_models
from pipelines.__main__ import main
from pipelines.local_run import _remove_artifacts
from tests.pipelines.compiled import STAGES

REUSED = {"ingest", "tagging", *STAGES}
SHARED_MASKS = Path(__file__).with_name("shared_masks.py")
pytestmark = pytest.mark.timeout(1800)


def command(*arguments):
    return [sys.executable, "-m", "pipelines", *map(str, arguments)]


def run(*arguments):
    return subprocess.run(command(*arguments), capture_output=True, text=True, check=False)


def servers(output):
    """Processes that serve the store of an output folder."""
    found = subprocess.run(["ps", "-ww", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if f"-dir={output / 'store'}" in line]


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture(scope="module")
def line_file(tiny_line, tmp_path_factory):
    path = tmp_path_factory.mktemp("line") / "tiny.yaml"
    path.write_text(tiny_line.to_yaml())
    return path


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    return tmp_path_factory.mktemp("run") / "out put"


@pytest.fixture(scope="module")
def killed(line_file, tiny_line_data, output):
    """A run that was killed while it trained the network; the stages that it had finished."""
    arguments = command("run", line_file, "--data", tiny_line_data, "--output", output, "--seed", 3)
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stages = output / "stages"
    deadline = time.monotonic() + 300
    while not (stages.is_dir() and any(stages.glob("segnet-*.partial"))):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    wait_until(lambda: not servers(output))
    folders = [folder for folder in stages.glob("*-*") if folder.suffix != ".partial"]
    return {folder.name.split("-")[0] for folder in folders} - {"data"}


@pytest.fixture(scope="module")
def first(killed, line_file, tiny_line_data, output):
    """The same command again."""
    return run("run", line_file, "--data", tiny_line_data, "--output", output, "--seed", 3)


def reused(done):
    return {line.split(":")[0] for line in done.stdout.splitlines() if line.endswith("unchanged, reused")}


def test_it_trains_evaluates_and_says_where_everything_lies(first, output):
    assert first.returncode == 0, first.stdout + first.stderr
    assert f"model   {output / 'model'}" in first.stdout
    assert f"report  {output / 'report.html'}" in first.stdout
    assert "logical" in first.stdout
    assert json.loads((output / "evaluation.json").read_text())["seed"] == 3
    assert "<html" in (output / "report.html").read_text()
    assert "<html" in (output / "gallery.html").read_text()


def test_every_artifact_says_its_line_its_code_and_what_identifies_it(first, output):
    outputs = list(output.glob("artifacts/*/*/executor_output.json"))
    artifacts = {
        f"{file.parent.name}.{name}": artifact["metadata"]
        for file in outputs
        for name, found in json.loads(file.read_text()).get("artifacts", {}).items()
        for artifact in found["artifacts"]
    }
    assert {"ingest.metrics", "statistics.model", "evaluation.classification", "release.report"} <= artifacts.keys()
    told = {"line", "stage", "data", "digest", "csad", "commit"}
    assert {name: told - metadata.keys() for name, metadata in artifacts.items() if told - metadata.keys()} == {}
    assert {metadata["line"] for metadata in artifacts.values()} == {"tiny"}

    # 3 good, 3 logical and 3 structural test images.
    drawn = artifacts["evaluation.classification"]
    assert [sum(row["row"]) for row in drawn["confusionMatrix"]["rows"]] == [3, 6]
    assert drawn["confidenceMetrics"][-1]["recall"] == drawn["confidenceMetrics"][-1]["falsePositiveRate"] == 1
    assert sorted(name for name in artifacts["evaluation.metrics"] if name[0].isdigit())[0] == "01_auroc_mean"


def test_the_accepted_model_is_registered_in_a_store_that_lasts(first, output):
    assert not servers(output)
    with EmbeddedStore(output / "store") as server:
        store = ObjectStore.connect(server.settings)
        (version, *_) = list_models(store, "tiny")
        (data,) = list_datasets(store, "tiny")
    assert f"version {version.version}, registered in {output / 'store'}" in first.stdout
    assert "gate    accepted: " in first.stdout
    assert version.labels.seed == 3
    assert data.images == 24
    assert "bento.tar.gz" in version.files
    assert "<html" in (output / "gate.html").read_text()


def test_after_a_kill_it_goes_on_at_the_first_unfinished_stage(killed, first):
    assert {"ingest", "tagging", "masks", "clustering"} <= killed < REUSED
    assert killed <= reused(first)
    assert "statistics" not in reused(first)


def test_every_stage_says_one_line_and_the_executor_is_silent(first, output):
    lines = first.stdout.splitlines()
    for task in (*REUSED, "gate", "packaging"):
        assert any(line.startswith(f"{task}: ") for line in lines)
    assert not any("KFP" in line or "executor_input" in line for line in lines)
    assert "KFP Executor" in (output / "run.log").read_text()


def test_the_model_is_the_one_that_csad_train_makes(first, output, tiny_model, tiny_line_data):
    image = read_rgb(tiny_line_data / "test/logical_anomalies/000.png")
    here, there = (Scorer.load(folder).score(image).value for folder in (tiny_model, output / "model"))
    assert here == pytest.approx(there, abs=1e-4)


def test_the_same_again_reuses_every_stage(first, line_file, tiny_line_data, output):
    again = run("run", line_file, "--data", tiny_line_data, "--output", output, "--seed", 3)
    assert again.returncode == 0
    assert reused(again) == REUSED
    (version,) = (line for line in first.stdout.splitlines() if line.startswith("version "))
    assert version in again.stdout
    assert f"packaging: registered already as {version.split()[1].rstrip(',')}, nothing to build" in again.stdout


def test_an_output_in_a_project_leaves_the_projects_own_folders_alone(line_file, tmp_path):
    for name in ("artifacts/mine", "artifacts/csad-training-2026-01-02-03-04-05-678901", "data"):
        (tmp_path / name).mkdir(parents=True)
    _remove_artifacts(tmp_path / "artifacts")
    assert [folder.name for folder in (tmp_path / "artifacts").iterdir()] == ["mine"]

    (tmp_path / "model").mkdir()
    (tmp_path / "model/drawing.dwg").touch()
    done = run("run", line_file, "--data", tmp_path / "data", "--output", tmp_path)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"Error: {tmp_path / 'model'} exists and is not a model folder; choose another output, or remove it"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["artifacts", "data", "model"]


def test_data_without_images_is_an_error(line_file, tmp_path):
    (tmp_path / "data").mkdir()
    done = run("run", line_file, "--data", tmp_path / "data", "--output", tmp_path / "out")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("Error: no images in")
    assert "Traceback" not in done.stdout + done.stderr
    assert not servers(tmp_path / "out")


def test_a_failed_stage_has_the_last_word_and_the_store_is_stopped(line_file, tmp_path):
    data = tmp_path / "data/train/good"
    data.mkdir(parents=True)
    for index in range(6):
        (data / f"{index}.png").write_bytes(b"no image")
    done = run("run", line_file, "--data", tmp_path / "data", "--output", tmp_path / "out")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("Error: ingest: ") or "Error: ingest: " in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not servers(tmp_path / "out")


def heed_interrupts():
    """A test runner in the background may ignore them, and its children with it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.slow
def test_an_interrupted_run_stops_the_store(line_file, tiny_line_data, tmp_path):
    arguments = command("run", line_file, "--data", tiny_line_data, "--output", tmp_path / "out")
    process = subprocess.Popen(
        arguments,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=heed_interrupts,
    )
    try:
        wait_until(lambda: servers(tmp_path / "out") and (tmp_path / "out/run.log").is_file(), seconds=300)
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=60)
        assert process.returncode != 0
        wait_until(lambda: not servers(tmp_path / "out"), seconds=30)
    finally:
        process.kill()


def test_several_tasks_share_the_masks(tiny_line, first, output, tmp_path):
    """Two shards through the loop, collected for clustering, give the label maps that one task gave."""
    stages = output / "stages"
    inputs = [next(stages.glob(f"{name}-*")) for name in ("ingest", "tagging")]
    program = [sys.executable, SHARED_MASKS, tiny_line.to_yaml(), *inputs, tmp_path]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

    assert done.stdout.count("masks in 5 images") == 2
    (packed,) = (path for path in tmp_path.rglob("pseudo_labels") if path.is_file())
    unpack(packed, tmp_path / "unpacked")
    maps = tmp_path / "unpacked/label_maps"
    expected = next(stages.glob("clustering-*")) / "label_maps"
    assert sorted(file.name for file in maps.iterdir()) == sorted(file.name for file in expected.iterdir())
    for file in expected.iterdir():
        assert (maps / file.name).read_bytes() == file.read_bytes()


@pytest.mark.slow
def test_a_store_of_ones_own_is_used_and_left_running(line_file, tiny_line_data, tmp_path):
    with EmbeddedStore(tmp_path / "mine") as server:
        environment = {**os.environ, **server.environment}
        arguments = command("run", line_file, "--data", "store://nowhere", "--output", tmp_path / "out")
        done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "no data set of line nowhere" in done.stderr
        assert not (tmp_path / "out/store").exists()
        assert list_models(ObjectStore.connect(server.settings), "tiny") == []


def test_a_broken_line_is_an_error_and_not_a_traceback(tmp_path):
    (tmp_path / "line.yaml").write_text("nmae: x")
    arguments = ["run", tmp_path / "line.yaml", "--data", tmp_path, "--output", tmp_path / "out"]
    done = CliRunner().invoke(main, list(map(str, arguments)))
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments", [["run"], ["run", "missing.yaml", "--data", "."], ["fly"], ["compile", "--fly"]], ids=" ".join
)
def test_wrong_use_exits_with_2(arguments):
    assert CliRunner().invoke(main, arguments).exit_code == 2
