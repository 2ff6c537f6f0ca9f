"""A service that cannot start says why and ends, rather than trying for ever."""

import os
import shutil
import subprocess
import sys

import pytest

from csad.common.errors import ModelFolderError
from csad.scoring.model_files import check_folder
from csad.serving import runtime, service


@pytest.fixture
def damaged(tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    file = folder / "teacher.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    return folder


@pytest.fixture
def bentoml_serve(tmp_path, unused_port):
    """Run plain `bentoml serve`, as a container does, until it ends."""

    def run(**settings):
        command = [sys.executable, "-m", "bentoml", "serve", "csad.serving.service:ScorerService"]
        return subprocess.run(
            [*command, "--port", str(unused_port)],
            env=os.environ | {"BENTOML_HOME": str(tmp_path / "bentoml")} | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def test_a_damaged_model_ends_the_server_with_the_reason_and_an_exit_code(damaged, bentoml_serve):
    result = bentoml_serve(CSAD_MODEL_FOLDER=str(damaged))

    assert result.returncode == 1
    assert "the service cannot start" in result.stdout
    assert "teacher.safetensors was changed" in result.stdout


def test_what_nobody_foresaw_ends_the_server_too(monkeypatch, caplog):
    ended = []

    def failing(settings):
        raise RuntimeError("out of GPU memory")

    monkeypatch.setattr(runtime, "Runtime", failing)
    monkeypatch.setattr(service, "end_server", lambda: ended.append(True))

    with pytest.raises(RuntimeError):
        service.ScorerService.inner()
    assert ended == [True]
    assert "the service cannot start: out of GPU memory" in caplog.text
    assert "Traceback" in caplog.text


def test_a_device_that_is_not_there_ends_csad_serve(tiny_model, tmp_path, unused_port):
    command = [sys.executable, "-m", "csad.cli", "serve", str(tiny_model), "--port", str(unused_port)]
    environment = os.environ | {"BENTOML_HOME": str(tmp_path / "bentoml")}

    result = subprocess.run(
        [*command, "--device", "gpu"], env=environment, capture_output=True, text=True, timeout=120, check=False
    )

    assert result.returncode == 1
    assert "the service cannot start: there is no device 'gpu'; expected one of: cpu" in result.stdout + result.stderr


def test_the_command_refuses_it_before_anything_starts(damaged):
    command = [sys.executable, "-m", "csad.cli", "serve", str(damaged)]

    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    assert result.returncode == 1
    assert "teacher.safetensors was changed" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_missing_file_is_named(tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    (folder / "visual_word_histogram.safetensors").unlink()

    with pytest.raises(ModelFolderError, match=r"visual_word_histogram\.safetensors is missing"):
        check_folder(folder)
    check_folder(tiny_model)


def test_the_service_is_imported_without_what_computes(tiny_model):
    """BentoML imports it in two processes, and only one of them scores."""
    heavy = {"torch", "timm", "scipy", "skimage", "onnxruntime", "openvino", "numpy", "PIL", "safetensors"}
    code = f"import sys, csad.serving.service; print(sorted({heavy} & set(sys.modules)))"

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)

    assert result.stdout == "[]\n"
