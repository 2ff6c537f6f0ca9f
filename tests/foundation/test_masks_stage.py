"""The masks stage with tiny random instances of the real networks."""

import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from csad.common.errors import StageError, WeightsError
from csad.config.line import ProductLine
from csad.foundation import building
from csad.imaging.masks import load_masks
from csad.pseudo_labels.mode_preview import preview_modes
from csad.pseudo_labels.mode_preview_page import write_preview
from csad.runner.snapshot import open_snapshot
from csad.stages import ingest, masks, tagging
from tests.foundation.tiny_models import SKIP

ROOT = Path(__file__).parents[2]
IMAGES = 20
LINE = """
name: tiny
tags: {prompts: [metal screw, washer]}
pseudo_labels:
  proposals: foundation
  mode: %s
  foundation: {points_per_side: 4, predicted_iou: 0.05, stability: 0.1, minimum_region: 20, mask_overlap: 0.99}
"""


def draw(seed):
    generator = np.random.default_rng(seed)
    pixels = np.full((96, 128, 3), 200, dtype=np.uint8)
    for colour in ((200, 40, 40), (40, 60, 190), (40, 160, 60)):
        top, left = generator.integers(0, 60, 2)
        pixels[top : top + 25, left : left + 40] = colour
    return pixels


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    for index in range(IMAGES + 1):
        folder = root / "train/good" if index < IMAGES else root / "validation/good"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw(index)).save(folder / f"{index:03d}.png")
    return root


@pytest.fixture(scope="module")
def inputs(data, tmp_path_factory):
    """Outputs of `ingest` and `tagging`."""
    images, tags = tmp_path_factory.mktemp("images"), tmp_path_factory.mktemp("tags")
    line = ProductLine.from_yaml(LINE % "fine")
    ingest.run(line, data, images)
    tagging.run(line, images, tags)
    return images, tags


@pytest.fixture(scope="module")
def builders(tmp_path_factory):
    pytest.importorskip("groundingdino", reason=SKIP)
    from tests.foundation.interrupted_masks import tiny_builders

    return tiny_builders(tmp_path_factory.mktemp("bert"))


@pytest.fixture
def grounding(builders, monkeypatch):
    """The stage asks this Grounding DINO."""
    found = builders[0](ProductLine.from_yaml(LINE % "fine").pseudo_labels.foundation, torch.device("cpu"))
    monkeypatch.setattr(building, "build_grounding", lambda settings, device: found)
    return found


@pytest.fixture
def sam(builders, monkeypatch):
    """The stage asks this SAM."""
    found = builders[1](None, None)
    monkeypatch.setattr(building, "build_sam", lambda settings, device: found)
    return found


def in_a_process_of_its_own(line, inputs, output, kills):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.foundation.interrupted_masks", line, *inputs, output, str(kills)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, timeout=400, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def whole(inputs, tmp_path_factory):
    """A line file, the output of an uninterrupted run, and its seconds."""
    pytest.importorskip("groundingdino", reason=SKIP)
    folder = tmp_path_factory.mktemp("whole")
    line = folder / "line.yaml"
    line.write_text(LINE % "fine")
    started = time.monotonic()
    result = in_a_process_of_its_own(line, inputs, folder / "masks", kills=0)
    assert result["exit"] == 0
    return line, folder / "masks", time.monotonic() - started


def test_twenty_images_take_at_most_three_minutes(whole):
    _, output, seconds = whole
    assert len(list((output / masks.RULES).glob("*.json"))) == IMAGES
    assert seconds < 180


def test_ten_kills_leave_nothing_half_written_and_the_resumed_result_is_the_same(whole, inputs, tmp_path):
    line, output, _ = whole

    result = in_a_process_of_its_own(line, inputs, tmp_path / "masks", kills=10)

    assert result["exit"] == 0
    assert result["killed"] == 10
    assert result["done"] == sorted(result["done"])
    assert result["done"][-1] > 0
    assert contents(tmp_path / "masks") == contents(output)


def test_fine_masks_say_which_point_gave_them(whole):
    _, output, _ = whole
    found = [mask for path in sorted(output.glob("*.json")) for mask in load_masks(path)]
    assert found
    for mask in found:
        assert (mask.source, mask.phrase, mask.box) == ("automatic", None, None)
        assert mask.score > 0.05
        assert 0.1 <= mask.stability <= 1
        assert 0 < mask.point[0] < 128
        assert 0 < mask.point[1] < 96


def test_coarse_masks_say_which_words_and_box_gave_them(grounding, sam, inputs, tmp_path):
    summary = masks.run(ProductLine.from_yaml(LINE % "auto"), *inputs, tmp_path, shard=0, shards=10)

    assert (summary.proposer, summary.images) == ("foundation: coarse", 2)
    assert summary.open_vocabulary == summary.proposed == summary.kept > 0
    found = [mask for path in sorted(tmp_path.glob("*.json")) for mask in load_masks(path)]
    assert len(found) == summary.kept
    for mask in found:
        assert (mask.source, mask.point, mask.stability) == ("grounding", None, None)
        assert mask.score > 0.25
        left, top, right, bottom = mask.box
        assert 0 <= left < right <= 128
        assert 0 <= top < bottom <= 96
    assert {word for mask in found for word in mask.phrase.split()} <= {"metal", "screw", "washer"}
    with Image.open(tmp_path / masks.SHEET) as sheet:
        assert sheet.size[0] > 500
    # One encoding an image, and none for the boxes; no crops, no points. Mode auto has looked at five images before.
    assert (sam.encodings, grounding.passes) == (2 + 5, 2 + 5)


def test_fine_masks_encode_each_image_once_and_each_crop_once(grounding, sam, inputs, tmp_path):
    summary = masks.run(ProductLine.from_yaml(LINE % "fine"), *inputs, tmp_path, shard=0, shards=10)

    assert sam.encodings == 2 * (1 + 4)
    assert grounding.passes == 2
    dropped = summary.unsuitable_dropped + summary.grounding_dropped + summary.combine_dropped
    assert summary.proposed - dropped == summary.kept
    assert summary.open_vocabulary > 0


def test_without_the_grounding_filter_nothing_is_detected(sam, inputs, tmp_path):
    line = ProductLine.from_yaml((LINE % "fine").replace("mode:", "filter_by_grounding: false\n  mode:"))
    summary = masks.run(line, *inputs, tmp_path, shard=0, shards=20)
    assert (summary.open_vocabulary, summary.grounding_dropped, summary.images_without_detection) == (0, 0, 0)
    assert summary.kept > 0


def test_shares_together_are_the_whole(whole, grounding, sam, inputs, tmp_path):
    line, output, _ = whole
    for shard in range(3):
        masks.run(ProductLine.from_file(line), *inputs, tmp_path, shard, shards=3)
    together, expected = contents(tmp_path), contents(output)
    del together[masks.SHEET], expected[masks.SHEET]  # each shard draws its own images
    assert together == expected


@pytest.mark.parametrize("mode", ["fine", "coarse"])
def test_an_image_without_detection_is_a_warning_and_has_no_masks(
    grounding, sam, inputs, tmp_path, monkeypatch, caplog, mode
):
    monkeypatch.setattr(grounding, "detect", lambda image, prompts: [])
    with caplog.at_level(logging.WARNING):
        summary = masks.run(ProductLine.from_yaml(LINE % mode), *inputs, tmp_path)

    assert (summary.images_without_detection, summary.images_without_masks, summary.kept) == (IMAGES, IMAGES, 0)
    assert load_masks(tmp_path / "000.json") == []
    assert "000.png: no detections for the prompts" in caplog.text
    assert sam.encodings == 0


NO_PROMPTS = tagging.Tags(proposer="line", prompts=(), dropped=(), note="none")


def test_without_prompts_the_coarse_mode_says_what_to_do(inputs, tmp_path):
    (tmp_path / tagging.FILE).write_text(NO_PROMPTS.model_dump_json())
    with pytest.raises(StageError, match=r"name the parts in tags\.prompts"):
        masks.run(ProductLine.from_yaml(LINE % "coarse"), inputs[0], tmp_path, tmp_path / "masks")


def test_without_prompts_the_fine_mode_leaves_the_grounding_filter_out(sam, inputs, tmp_path, caplog):
    (tmp_path / tagging.FILE).write_text(NO_PROMPTS.model_dump_json())
    with caplog.at_level(logging.WARNING):
        summary = masks.run(
            ProductLine.from_yaml(LINE % "auto"), inputs[0], tmp_path, tmp_path / "masks", shard=0, shards=20
        )
    assert summary.proposer == "foundation: fine"
    assert "filter-by-grounding is left out" in caplog.text
    assert summary.kept > 0


def test_without_weights_the_stage_says_where_they_come_from(inputs, tmp_path, monkeypatch):
    monkeypatch.delenv("CSAD_WEIGHTS", raising=False)
    with pytest.raises(WeightsError, match="CSAD_WEIGHTS"):
        masks.run(ProductLine.from_yaml(LINE % "coarse"), *inputs, tmp_path)


def test_a_preview_shows_both_modes_of_a_foundation_line(grounding, sam, inputs, tmp_path):
    line = ProductLine.from_yaml((LINE % "auto") + "  rotations: 1\n")
    found = preview_modes(line, open_snapshot(inputs[0]), ("metal screw", "washer"), 2, tmp_path)

    coarse, fine = found.modes
    assert (coarse.finder, fine.finder) == ("foundation: coarse", "foundation: fine")
    assert all(count > 0 for count in coarse.masks)
    assert len(fine.pictures) == len(found.stems) == 2
    write_preview(tmp_path / "preview.html", found)
    assert "foundation: fine" in (tmp_path / "preview.html").read_text()


def test_a_preview_without_prompts_says_why_there_is_no_coarse_mode(sam, inputs, tmp_path):
    found = preview_modes(ProductLine.from_yaml(LINE % "auto"), open_snapshot(inputs[0]), (), 2, tmp_path)
    coarse, fine = found.modes
    assert "name the parts in tags.prompts" in coarse.note
    assert coarse.pictures == ()
    assert sum(fine.masks) > 0
    assert write_preview(tmp_path / "preview.png", found).is_file()
