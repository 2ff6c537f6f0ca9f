import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from components import images

DIGEST = "registry.example.com/csad-train@sha256:" + "a" * 64


@pytest.fixture
def lock(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "LOCK", tmp_path / "images.lock")
    monkeypatch.setattr(images, "BUILT", tmp_path / "built.json")
    monkeypatch.delenv("CSAD_TRAIN_IMAGE", raising=False)
    return tmp_path / "images.lock"


def test_without_a_lock_an_image_is_named_by_its_release(lock):
    assert images.image("train") == "csad-train:0.1.0"


def test_the_lock_pins_by_digest_and_leaves_other_images_alone(lock):
    lock.write_text(json.dumps({"csad-train": DIGEST}))
    assert images.image("train") == DIGEST
    assert images.image("serve") == "csad-serve:0.1.0"


def test_the_environment_wins(lock, monkeypatch):
    lock.write_text(json.dumps({"csad-train": DIGEST}))
    monkeypatch.setenv("CSAD_TRAIN_IMAGE", "mine:1")
    assert images.image("train") == "mine:1"


@pytest.mark.parametrize("text", ["{", '{"csad-train": "csad-train:latest"}'])
def test_a_damaged_lock_is_refused(lock, text):
    lock.write_text(text)
    with pytest.raises(ValueError, match="make push"):
        images.image("train")


def test_the_pipeline_asks_for_what_the_images_can_do(lock):
    assert images.check_device(None) is True  # nobody built any
    (lock.parent / "built.json").write_text('{"tag": "0.1.0-abc", "variant": "cpu"}')
    assert images.check_device(None) is False
    assert images.check_device(True) is False
    with pytest.raises(images.ImageMismatch, match="VARIANT=cu130 make images"):
        images.check_device(False)
    lock.write_text(json.dumps({"csad-train": DIGEST, "variant": "cu130"}))  # what was pushed is what runs
    assert images.check_device(None) is True


def test_a_new_image_reaches_the_compiled_pipeline(tmp_path):
    """The image is part of KFP's cache key: other code trains again."""
    subprocess.run(
        [sys.executable, "-m", "pipelines", "compile", "--output", tmp_path],
        env={**os.environ, "CSAD_TRAIN_IMAGE": DIGEST},
        cwd=Path(__file__).parents[2],
        check=True,
        capture_output=True,
    )
    assert DIGEST in (tmp_path / "training.yaml").read_text()
