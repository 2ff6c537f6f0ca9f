"""A line with foundation proposals as its tasks run on Kubeflow: weights from the store alone, the real networks small.

In one process here; `tests/cluster/test_foundation_line.py` has the pods.
RAM++ and Grounding DINO have one layer of each kind here, SAM-HQ is the published vit_tiny; all weights are random.
"""

import json
import logging
import os

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from csad.config.line import ProductLine
from csad.foundation import tagging as tagging_model
from csad.gate.intake_task import run_intake
from csad.runner.fetched_weights import CACHE_VARIABLE
from csad.runner.packed import unpacked
from csad.runner.task import STORE_VARIABLE, run_task
from csad.stages import masks, tagging
from csad.store.objects import ObjectStore
from csad.store.push import push_dataset
from tests.foundation.tiny_models import SKIP
from tests.foundation.tiny_ram_plus import ARCHITECTURE
from tests.foundation.tiny_weights import write_weights
from tests.weights.mirrored import mirror_file

LINE = """
name: %s
tags: {images: 1}
pseudo_labels:
  proposals: foundation
  mode: fine
  foundation: {sam: vit_tiny, points_per_side: 2, crop_layers: 0, predicted_iou: 0, stability: 0, minimum_region: 20}
"""


@pytest.fixture
def in_a_pod(named_store, tmp_path, monkeypatch):
    """A store, a volume, no weights folder; networks of the sizes whose weights are in the store."""
    pytest.importorskip("segment_anything_hq", reason=SKIP)
    config = pytest.importorskip("groundingdino.config.GroundingDINO_SwinT_OGC", reason=SKIP)
    for name, value in {"enc_layers": 1, "dec_layers": 1, "num_queries": 30}.items():
        monkeypatch.setattr(config, name, value)
    monkeypatch.setattr(tagging_model, "PUBLISHED", ARCHITECTURE)
    for name in (STORE_VARIABLE, "CSAD_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "volume"))
    logger = logging.getLogger("csad")
    before = logger.handlers, logger.level, logger.propagate
    yield ObjectStore.connect(named_store)
    logger.handlers, logger.level, logger.propagate = before


@pytest.fixture
def mirrored(in_a_pod, tmp_path):
    """All weights of the line in the store: bytes by name."""
    files = write_weights(tmp_path, "vit_tiny")
    for name, file in files.items():
        mirror_file(in_a_pod, name, file)
    return {name: file.stat().st_size for name, file in files.items()}


@pytest.fixture
def data(tmp_path):
    generator = np.random.default_rng(0)
    for index in range(11):
        folder = tmp_path / "data" / ("train/good" if index < 10 else "validation/good")
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.full((96, 128, 3), 200, dtype=np.uint8)
        for colour in ((200, 40, 40), (40, 60, 190)):
            top, left = generator.integers(0, 60, 2)
            pixels[top : top + 25, left : left + 40] = colour
        Image.fromarray(pixels).save(folder / f"{index:03d}.png")
    return tmp_path / "data"


def test_tagging_and_masks_run_on_weights_of_the_store_and_a_second_line_fetches_none_again(
    in_a_pod, mirrored, data, tmp_path, monkeypatch
):
    fetched = []
    complete = ObjectStore.complete_file
    monkeypatch.setattr(
        ObjectStore, "complete_file", lambda store, key, path: fetched.append(key) or complete(store, key, path)
    )

    for name in ("first", "second"):
        push_dataset(in_a_pod, data, name)
        intake = run_intake(ProductLine.from_yaml(LINE % name).to_yaml(), f"store://{name}", 0, force=False)
        tags, proposed = str(tmp_path / f"{name}-tags"), str(tmp_path / f"{name}-masks")
        run_task(tagging.STAGE, intake.lines["tagging"], 0, tags, images=intake.training_images)
        done = run_task(
            masks.STAGE, intake.lines["masks"], 0, proposed, "1/10", images=intake.training_images, tags=tags
        )

        assert json.loads((tmp_path / f"{name}-tags" / tagging.FILE).read_text())["prompts"] == ["screw", "washer"]
        assert (done.summary.proposer, done.summary.images) == ("foundation: fine", 1)
        with unpacked(tmp_path / f"{name}-masks") as folder:
            assert len(list((folder / masks.RULES).glob("*.json"))) == 1

    assert sorted(key.split("/")[1] for key in fetched) == sorted(mirrored)
    assert sorted(file.stat().st_size for file in (tmp_path / "volume").glob("[0-9a-f]" * 64)) == sorted(
        mirrored.values()
    )
    assert "CSAD_WEIGHTS" not in os.environ


def test_weights_of_another_network_are_refused_by_the_task(in_a_pod, mirrored, data, tmp_path):
    save_file({"weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    mirror_file(in_a_pod, "ram_plus_swin_large_14m", tmp_path / "other.safetensors")
    push_dataset(in_a_pod, data, "first")
    intake = run_intake(ProductLine.from_yaml(LINE % "first").to_yaml(), "store://first", 0, force=False)

    with pytest.raises(SystemExit, match=r"ram_plus_swin_large_14m\.safetensors does not fit RamPlus: .* are missing"):
        run_task(tagging.STAGE, intake.lines["tagging"], 0, str(tmp_path / "tags"), images=intake.training_images)
