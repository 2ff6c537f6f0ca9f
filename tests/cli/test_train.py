import os
import sys
from types import ModuleType

import pytest
from click.testing import CliRunner

from csad.cli import main


def run(*arguments):
    return CliRunner().invoke(main, ["train", *(str(argument) for argument in arguments)])


@pytest.fixture
def calls(monkeypatch):
    """Training that notes its arguments and prints to stdout, as libraries do."""
    noted = []

    def train(line, data, output, seed):
        print("a library's chatter")
        noted.append((line.name, data, output, seed))

    module = ModuleType("csad.stages.training")
    module.train = train
    monkeypatch.setitem(sys.modules, "csad.stages.training", module)
    monkeypatch.setattr("csad.stages.training", module, raising=False)
    return noted


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "kit.yaml"
    path.write_text("name: kit\n")
    return path


def test_line_data_output_and_seed_reach_the_training(file, tmp_path, calls):
    assert run(file, "--data", tmp_path, "--output", tmp_path / "new" / "model", "--seed", 7).exit_code == 0
    assert calls == [("kit", tmp_path, tmp_path / "new" / "model", 7)]


def test_the_seed_is_0_unless_given(file, tmp_path, calls):
    run(file, "--data", tmp_path, "--output", tmp_path / "model")
    assert calls[0][3] == 0


@pytest.mark.usefixtures("calls")
def test_stdout_holds_the_model_folder_alone(file, tmp_path):
    result = run(file, "--data", tmp_path, "--output", tmp_path / "model")
    assert result.stdout == f"{tmp_path / 'model'}\n"
    assert "a library's chatter" in result.stderr


def test_an_output_that_cannot_be_written_is_found_before_the_training(file, tmp_path, calls, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: not mode & os.W_OK)
    result = run(file, "--data", tmp_path, "--output", tmp_path / "model")
    assert result.exit_code == 1
    assert f"{tmp_path} is not a writable folder; choose another --output" in result.stderr
    assert calls == []


def test_an_output_below_a_file_is_refused(file, tmp_path, calls):
    result = run(file, "--data", tmp_path, "--output", file / "model")
    assert result.exit_code == 1
    assert "is not a writable folder" in result.stderr
    assert calls == []


def test_an_output_that_is_a_file_is_wrong_use(file, tmp_path, calls):
    result = run(file, "--data", tmp_path, "--output", file)
    assert result.exit_code == 2
    assert "is a file" in result.stderr
    assert calls == []


def test_the_folder_one_is_in_is_no_output_and_the_message_says_what_to_do(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    result = run(file, "--data", tmp_path, "--output", ".")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: . exists and is not a model folder")
    monkeypatch.chdir(tmp_path / "empty")
    result = run(file, "--data", tmp_path, "--output", ".")
    assert result.exit_code == 1
    assert "is the folder that you are in" in result.stderr


def test_a_broken_line_is_found_before_the_training(file, tmp_path, calls):
    file.write_text("name: kit\nlgst: {step: 3}\n")
    result = run(file, "--data", tmp_path, "--output", tmp_path / "model")
    assert result.exit_code == 1
    assert "did you mean steps?" in result.stderr
    assert calls == []


@pytest.mark.parametrize("seed", ["-1", "x", "2147483648"])
def test_a_seed_that_is_none_is_wrong_use(file, tmp_path, seed):
    assert run(file, "--data", tmp_path, "--output", tmp_path / "model", "--seed", seed).exit_code == 2
