"""Where commands compute."""

import os
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from click.testing import CliRunner

from csad.cli import main
from csad.common.errors import CsadError
from csad.compute.compute_device import VARIABLE


class WorkBeginsError(CsadError):
    """Raised where work would begin."""


def beginning(*_, **__):
    raise WorkBeginsError("the work begins")


@pytest.fixture(autouse=True)
def _one_gpu(monkeypatch):
    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)


@pytest.fixture
def loaded_on(monkeypatch):
    """The devices that models are loaded on; nothing is scored."""
    devices = []

    def load(folder, device, runtime=None):
        devices.append(device)
        beginning()

    module = ModuleType("csad.scoring.scorer")
    module.Scorer = type("Scorer", (), {"load": staticmethod(load)})
    monkeypatch.setitem(sys.modules, "csad.scoring.scorer", module)
    monkeypatch.setitem(sys.modules, "csad.evaluation.report", ModuleType("csad.evaluation.report"))
    sys.modules["csad.evaluation.report"].write_report = beginning
    return devices


def arguments(command, folder):
    image = folder / "a.png"
    image.write_bytes(b"")
    return {"score": ["score", folder, image], "evaluate": ["evaluate", folder, "--data", folder]}[command]


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.mark.parametrize("command", ["score", "evaluate"])
@pytest.mark.parametrize(
    ("variable", "option", "expected"),
    [("", [], "cuda:0"), ("cpu", [], "cpu"), ("cpu", ["--device", "cuda"], "cuda:0"), ("", ["--device", "cpu"], "cpu")],
)
def test_models_are_loaded_where_they_shall_compute(
    command, variable, option, expected, tmp_path, loaded_on, monkeypatch
):
    monkeypatch.setenv(VARIABLE, variable)

    run(*arguments(command, tmp_path), *option)

    assert loaded_on == [expected]


@pytest.mark.parametrize("command", ["score", "evaluate"])
def test_a_device_that_is_not_there_is_refused(command, tmp_path, loaded_on):
    result = run(*arguments(command, tmp_path), "--device", "cuda:3")

    assert (result.exit_code, loaded_on) == (1, [])
    assert "no device 'cuda:3' in this machine; expected one of: cpu, cuda, cuda:0" in result.stderr


@pytest.fixture
def trained_on(monkeypatch):
    """What the stages of a training would find in the environment."""
    found = []
    module = ModuleType("csad.stages.training")
    module.train = lambda *_: found.append(os.environ[VARIABLE])
    monkeypatch.setitem(sys.modules, "csad.stages.training", module)
    monkeypatch.setattr("csad.stages.training", module, raising=False)
    return found


def train(folder: Path, *options):
    line = folder / "kit.yaml"
    line.write_text("name: kit\n")
    return run("train", line, "--data", folder, "--output", folder / "model", *options)


def test_the_stages_of_a_training_find_its_device(tmp_path, trained_on):
    assert train(tmp_path, "--device", "cuda").exit_code == 0
    assert trained_on == ["cuda:0"]


def test_a_training_without_a_device_leaves_the_choice_to_the_stages(tmp_path, trained_on):
    train(tmp_path)
    assert trained_on == [""]


def test_a_training_on_a_device_that_is_not_there_does_not_begin(tmp_path, trained_on):
    result = train(tmp_path, "--device", "cuda:3")

    assert (result.exit_code, trained_on) == (1, [])
    assert "no device 'cuda:3'" in result.stderr
