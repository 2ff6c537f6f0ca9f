import errno
import json
import os

import pytest
import torch
from safetensors import SafetensorError

from csad.common.errors import ModelFolderError
from csad.scoring.model_folder import MANIFEST, Manifest, read_manifest, read_tensors, write_model


@pytest.fixture(scope="module")
def manifest(tiny_model):
    return read_manifest(tiny_model)


@pytest.fixture
def folder(manifest, tmp_path):
    """A small model folder that may be spoilt."""
    write_model(tmp_path / "model", manifest, {"lgst": {"mean": torch.arange(4.0)}, "words": {"k": torch.ones(2)}})
    return tmp_path / "model"


def flip(path, position):
    """Change one bit of one byte."""
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def test_what_was_written_is_read(folder, manifest):
    read = read_manifest(folder)

    assert set(read.files) == {"lgst.safetensors", "words.safetensors"}
    assert read.line == manifest.line
    assert read.fusion == manifest.fusion
    assert read_tensors(folder, "lgst")["mean"].tolist() == [0, 1, 2, 3]


def test_writing_returns_what_is_read(manifest, tmp_path):
    assert write_model(tmp_path, manifest, {"lgst": {"mean": torch.zeros(1)}}) == read_manifest(tmp_path)


def test_tensors_that_a_model_does_not_have_are_empty(folder):
    assert read_tensors(folder, "vocabulary") == {}


@pytest.mark.parametrize("name", ["lgst.safetensors", "words.safetensors"])
def test_a_changed_byte_is_refused_by_the_name_of_its_file(folder, name):
    flip(folder / name, -1)

    with pytest.raises(ModelFolderError, match=rf"{name} was changed: its sha256 is \w{{64}}, expected \w{{64}}; copy"):
        read_manifest(folder)


def test_any_changed_byte_of_the_manifest_is_refused(folder):
    path = folder / MANIFEST
    whole = path.read_bytes()
    for position in range(0, len(whole), 7):
        flip(path, position)
        with pytest.raises(ModelFolderError, match=MANIFEST):
            read_manifest(folder)
        path.write_bytes(whole)
    assert read_manifest(folder)


def test_another_threshold_in_the_manifest_is_refused(folder):
    path = folder / MANIFEST
    content = json.loads(path.read_text())
    content["threshold"]["value"] += 1
    path.write_text(json.dumps(content, indent=2) + "\n")

    with pytest.raises(ModelFolderError, match=r"model\.json was changed: its checksum does not fit"):
        read_manifest(folder)


def test_a_missing_file_is_named(folder):
    (folder / "words.safetensors").unlink()

    with pytest.raises(ModelFolderError, match=r"words\.safetensors is missing; copy the whole model folder"):
        read_manifest(folder)


def test_a_folder_without_a_manifest_is_no_model(tmp_path):
    with pytest.raises(ModelFolderError, match=r"is no model folder: model\.json cannot be read; train a model"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("text", ["", "{}", '{"format": 1, "line": 3}', "not JSON"])
def test_a_manifest_without_its_fields_is_damaged(text, tmp_path):
    (tmp_path / MANIFEST).write_text(text)

    with pytest.raises(ModelFolderError, match=r"model\.json is damaged or of another version"):
        read_manifest(tmp_path)


def test_a_manifest_of_another_format_names_both(manifest, tmp_path):
    write_model(tmp_path, manifest.model_copy(update={"format": 99}), {})

    with pytest.raises(ModelFolderError, match="format 99, this csad reads 1 and 2"):
        read_manifest(tmp_path)


def test_a_damaged_tensor_file_is_named(folder):
    (folder / "words.safetensors").write_bytes(b"short")

    with pytest.raises(ModelFolderError, match=r"words\.safetensors is damaged"):
        read_tensors(folder, "words")


def test_a_full_disk_keeps_the_old_file_and_leaves_no_manifest_behind(manifest, tmp_path, monkeypatch):
    write_model(tmp_path / "whole", manifest, {"lgst": {"mean": torch.zeros(1)}})

    def full(tensors, path, metadata=None):
        raise SafetensorError(f"I/O error: {os.strerror(errno.ENOSPC)} (os error {errno.ENOSPC})")

    monkeypatch.setattr("csad.compute.tensor_file.save_file", full)
    for folder in (tmp_path / "whole", tmp_path / "new"):
        with pytest.raises(ModelFolderError, match=r"lgst\.safetensors cannot be written .* free some space"):
            write_model(folder, manifest, {"lgst": {"mean": torch.ones(1)}})

    assert read_tensors(tmp_path / "whole", "lgst")["mean"].item() == 0
    assert read_manifest(tmp_path / "whole")
    assert list((tmp_path / "new").iterdir()) == []


def test_the_manifest_says_where_the_model_comes_from(manifest):
    assert isinstance(manifest, Manifest)
    assert manifest.seed == 3
    assert manifest.weights["backbone"]["name"] == "tf_efficientnet_lite0"
    assert len(manifest.weights["backbone"]["sha256"]) == len(manifest.snapshot) == 64
    assert len(manifest.normal_scores) == 15
    assert list(manifest.normal_scores) == sorted(manifest.normal_scores)
    assert (manifest.canvas.height % 32, manifest.canvas.width % 32) == (0, 0)
