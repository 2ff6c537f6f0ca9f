"""Drawn lines: their masks, their layout, and that they are drawn once and alike."""

import io
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from benchmarks import measure as measure_command
from benchmarks.datasets import DRAWN_LINES, DataSet
from csad.common.errors import CsadError
from csad.config.line import ProductLine
from csad.images import ground_truth_masks, scan_for_evaluation
from drawn_lines import __main__ as command
from drawn_lines import data_set
from drawn_lines.camera import Camera
from drawn_lines.data_set import Picture, draw_line, draw_scene, find, photograph
from drawn_lines.drawing import Drawing
from drawn_lines.lines import LINES

DEFECTS = [(name, defect) for name, line in LINES.items() for defect in (*line.logical, *line.structural)]
REARRANGED = {"two pins", "extra fruit", "ratio wrong", "wrong number of levers", "cut cable"}
"""What is as it should be lies elsewhere, too, and is not marked."""
SHADOW = 8
IMAGES = 2
LABEL = LINES["label"]


@cache
def good_scene(name: str) -> Drawing:
    return draw_scene(name, LINES[name], Picture("test", "good", 0), seed=0)


@pytest.fixture(scope="module")
def output(tmp_path_factory) -> Path:
    """A folder that holds the line of labels."""
    folder = tmp_path_factory.mktemp("drawn")
    assert draw_line("label", LABEL, folder, seed=0, images=IMAGES)
    return folder


@pytest.mark.parametrize("name", LINES)
def test_a_good_scene_has_an_empty_mask(name):
    scene = good_scene(name)
    assert scene.image.shape == (*scene.mask.shape, 3)
    assert not scene.mask.any()


@pytest.mark.parametrize(("name", "defect"), DEFECTS)
def test_the_mask_holds_what_sets_a_scene_apart_from_the_good_one(name, defect):
    good = good_scene(name)
    scene = draw_scene(name, LINES[name], Picture("test", "good", 0, defect), seed=0)
    difference = ((scene.image - good.image) ** 2).sum(-1)
    assert difference[scene.mask].mean() > 3 * difference[~scene.mask].mean()
    if defect not in REARRANGED:
        near = ndimage.binary_dilation(scene.mask, iterations=SHADOW)
        assert difference[near].sum() > 0.9 * difference.sum()


def test_the_camera_moves_the_mask_with_the_picture():
    mask = np.zeros((60, 80), bool)
    mask[20:40, 30:60] = True
    image = np.repeat(mask[..., None].astype(float), 3, axis=2)
    photo = Camera(jitter=8.0, degrees=5.0).photograph(image, mask, np.random.default_rng(0))
    bright = np.asarray(Image.open(io.BytesIO(photo.jpeg)).convert("L")) > 127
    assert (photo.mask != mask).sum() > 50
    assert (photo.mask != bright).sum() < 50


def test_csad_reads_the_layout(output):
    found = scan_for_evaluation(output / "label", ProductLine(name="label"))
    assert (len(found.train), len(found.validation), found.problems) == (IMAGES, 1, ())
    assert [image.key for image in found.test] == [
        "test/good/000",
        "test/logical_anomalies/000",
        "test/structural_anomalies/000",
    ]
    for image in found.test[1:]:
        (mask,) = ground_truth_masks(found.root, image)
        assert Image.open(mask).size == Image.open(image.path).size
        assert set(np.unique(np.asarray(Image.open(mask)))) == {0, 255}


def test_the_record_names_the_defects(output):
    record = find(output / "label")
    assert record is not None
    assert record.defects == {"test/logical_anomalies/000": "swapped logo", "test/structural_anomalies/000": "scratch"}


def test_a_picture_depends_on_its_place_and_the_seed_alone(output):
    second = Picture("train", "good", 1)
    stored = (output / "label" / "train" / "good" / "001.jpg").read_bytes()
    assert photograph("label", LABEL, second, seed=0).jpeg == stored
    others = (
        photograph("label", LABEL, second, seed=1),
        photograph("label", LABEL, Picture("train", "good", 0), seed=0),
        photograph("label", LABEL, Picture("test", "good", 1), seed=0),
    )
    assert len({stored, *(photo.jpeg for photo in others)}) == 4


def test_defects_take_turns():
    logical = [picture for picture in data_set.pictures(LABEL, 20) if picture.kind == "logical_anomalies"]
    assert [picture.defect for picture in logical] == [*LABEL.logical, *LABEL.logical[:2]]


def test_a_finished_line_is_left_alone(output, monkeypatch, capsys):
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    arguments = ["--only", "label", "--output", str(output), "--images", str(IMAGES)]
    monkeypatch.setattr(sys, "argv", ["drawn_lines", *arguments])
    command.main()
    assert capsys.readouterr().out == f"{output / 'label'}: already drawn, left alone\n"
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*")} == before


def test_other_settings_do_not_replace_a_finished_line(output, monkeypatch):
    arguments = ["--only", "label", "--output", str(output), "--seed", "1"]
    monkeypatch.setattr(sys, "argv", ["drawn_lines", *arguments])
    with pytest.raises(SystemExit, match=r"was drawn with --seed 0 --images 2; remove it"):
        command.main()


def test_a_folder_of_someone_else_is_left_alone(tmp_path):
    (tmp_path / "label").mkdir()
    with pytest.raises(CsadError, match="was not drawn by this program"):
        draw_line("label", LABEL, tmp_path, seed=0, images=IMAGES)


def test_an_interrupted_line_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(data_set, "photograph", interrupted)
    with pytest.raises(KeyboardInterrupt):
        draw_line("label", LABEL, tmp_path, seed=0, images=IMAGES)
    assert list(tmp_path.iterdir()) == []


def test_the_measurement_names_the_command_that_draws_an_absent_line(tmp_path, monkeypatch, capsys):
    (pins,) = (line for line in DRAWN_LINES if line.name == "pins")
    monkeypatch.setattr(measure_command, "DRAWN_LINES", (DataSet("pins", tmp_path / "pins", command=pins.command),))
    monkeypatch.setattr(sys, "argv", ["measure", "--only", "pins"])
    with pytest.raises(SystemExit, match="none of the chosen"):
        measure_command.main()
    assert "left out; draw it with python -m drawn_lines --only pins\n" in capsys.readouterr().err


def test_a_drawn_line_is_measured_only_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(measure_command, "DATA_SETS", ())
    monkeypatch.setattr(measure_command, "DRAWN_LINES", (DataSet("pins", tmp_path),))
    monkeypatch.setattr(sys, "argv", ["measure"])
    with pytest.raises(SystemExit, match="none of the chosen"):
        measure_command.main()
