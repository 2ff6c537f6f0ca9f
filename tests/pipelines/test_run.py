"""`python -m pipelines run`: the real pipeline, one process per task, on a tiny line."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from csad.images import read_rgb
from csad.scorer import Scorer
from csad.stages.training import train
from pipelines.training import STAGES

TASKS = {"ingest", *STAGES}


def command(*arguments):
    return [sys.executable, "-m", "pipelines", *map(str, arguments)]


def run(*arguments):
    return subprocess.run(command(*arguments), capture_output=True, text=True, check=False)


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
    return {folder.name.split("-")[0] for folder in stages.glob("*-*") if folder.suffix != ".partial"}


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


def test_after_a_kill_it_goes_on_at_the_first_unfinished_stage(killed, first):
    assert {"ingest", "tagging", "masks", "clustering"} <= killed < TASKS
    assert killed <= reused(first)
    assert "statistics" not in reused(first)


def test_every_stage_says_one_line_and_the_executor_is_silent(first, output):
    lines = first.stdout.splitlines()
    for task in TASKS:
        assert any(line.startswith(f"{task}: ") for line in lines)
    assert not any("KFP" in line or "executor_input" in line for line in lines)
    assert "KFP Executor" in (output / "run.log").read_text()


def test_the_model_is_the_one_that_csad_train_makes(first, output, tiny_line, tiny_line_data, tmp_path):
    train(tiny_line, tiny_line_data, tmp_path / "model", seed=3)

    image = read_rgb(tiny_line_data / "test/logical_anomalies/000.png")
    here, there = (Scorer.load(folder).score(image).value for folder in (tmp_path / "model", output / "model"))
    assert here == pytest.approx(there, abs=1e-4)


def test_the_same_again_reuses_every_stage(first, line_file, tiny_line_data, output):
    again = run("run", line_file, "--data", tiny_line_data, "--output", output, "--seed", 3)
    assert again.returncode == 0
    assert reused(again) == TASKS


def test_a_failed_stage_has_the_last_word(line_file, tmp_path):
    (tmp_path / "data").mkdir()
    done = run("run", line_file, "--data", tmp_path / "data", "--output", tmp_path / "out")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("Error: ingest: no images in")
    assert "Traceback" not in done.stdout + done.stderr


def test_a_broken_line_is_an_error_and_not_a_traceback(tmp_path):
    (tmp_path / "line.yaml").write_text("nmae: x")
    done = run("run", tmp_path / "line.yaml", "--data", tmp_path, "--output", tmp_path / "out")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments", [["run"], ["run", "missing.yaml", "--data", "."], ["fly"], ["compile", "--gpu"]], ids=" ".join
)
def test_wrong_use_exits_with_2(arguments):
    assert run(*arguments).returncode == 2
