"""A service that cannot start says why and ends, rather than trying for ever."""

import os
import shutil
import subprocess
import sys

import pytest

from csad.errors import ModelFolderError
from csad.model_files import check_folder


@pytest.fixture
def damaged(tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    file = folder / "lgst.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    return folder


def test_a_damaged_model_ends_the_server_with_the_reason(damaged, tmp_path, unused_port):
    environment = os.environ | {"CSAD_MODEL_FOLDER": str(damaged), "BENTOML_HOME": str(tmp_path / "bentoml")}
    service = "csad.serving.service:ScorerService"
    command = [sys.executable, "-m", "bentoml", "serve", service, "--port", str(unused_port)]

    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)

    assert "the service cannot start" in result.stdout + result.stderr
    assert "lgst.safetensors was changed" in result.stdout + result.stderr


def test_the_command_refuses_it_before_anything_starts(damaged):
    command = [sys.executable, "-m", "csad.cli", "serve", str(damaged)]

    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    assert result.returncode == 1
    assert "lgst.safetensors was changed" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_missing_file_is_named(tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    (folder / "words.safetensors").unlink()

    with pytest.raises(ModelFolderError, match=r"words\.safetensors is missing"):
        check_folder(folder)
    check_folder(tiny_model)


def test_the_service_is_imported_without_the_library_that_computes(tiny_model):
    """BentoML imports it in two processes, and only one of them scores."""
    code = "import sys, csad.serving.service; print(sorted({'torch', 'timm', 'scipy', 'skimage'} & set(sys.modules)))"

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)

    assert result.stdout == "[]\n"
