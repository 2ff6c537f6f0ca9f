import logging

import numpy as np
import pytest
from PIL import Image

from csad.common.errors import DatasetError
from csad.config.line import ProductLine
from csad.gate.exam import Exam
from csad.images import ImageFile, ImageSet, scan
from csad.images.good_names import means_good, naming_hints
from csad.images.layout import list_images


def write(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        # Near-equal images would count as one product.
        pixels = np.random.default_rng(list(name.encode())).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / name)


@pytest.mark.parametrize(
    "name", ["ok", "OK", "normal", "good_images", "Good-Parts", "ok 2", "no_defect", "defect-free", "non_defective"]
)
def test_a_name_that_means_good(name):
    assert means_good(name)


@pytest.mark.parametrize(
    "name", ["nok", "not_ok", "no_good", "abnormal", "ok_missing_washer", "defect", "images", "broken", "goodyear", "7"]
)
def test_a_name_that_does_not_mean_good(name):
    assert not means_good(name)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_good_images_under_another_name_are_not_looked_at_and_named(tmp_path, split):
    (tmp_path / split / "ok").mkdir(parents=True)
    (tmp_path / split / "good").mkdir()
    assert naming_hints(tmp_path) == [
        f"{split}/ok is not looked at, and its name means good images: rename it to {split}/good, or move its images "
        "there"
    ]


@pytest.mark.parametrize(
    ("found", "meant"), [("val", "validation"), ("Train", "train"), ("tests", "test"), ("masks", "ground_truth")]
)
def test_a_folder_of_the_layout_under_another_name_is_named(tmp_path, found, meant):
    (tmp_path / found).mkdir()
    assert naming_hints(tmp_path) == [f"{found} is not looked at: rename it to {meant} if that is what it holds"]


def test_the_usual_layout_gives_no_hint(tmp_path):
    for name in ("train/good", "validation/good", "test/Good", "test/logical_anomalies", "ground_truth"):
        (tmp_path / name).mkdir(parents=True)
    assert naming_hints(tmp_path) == []


def test_a_data_set_of_nothing_but_train_ok_says_what_to_rename(tmp_path):
    write(tmp_path, "train/ok/0.png")
    with pytest.raises(DatasetError, match=r"no images in .*train/ok is not looked at.*rename it to train/good"):
        list_images(tmp_path, 0.2)


def test_training_without_train_good_says_what_to_rename(tmp_path):
    write(tmp_path, "train/normal/0.png", "validation/good/0.png")
    with pytest.raises(DatasetError, match=r"0 good images to train.*rename it to train/good"):
        scan(tmp_path, ProductLine(name="kit"))


def test_training_warns_once_of_good_images_that_it_does_not_look_at(tmp_path, caplog):
    write(tmp_path, *(f"train/good/{n}.png" for n in range(4)), "validation/good/0.png", "train/OK/0.png")
    with caplog.at_level(logging.WARNING):
        scan(tmp_path, ProductLine(name="kit"))
    assert caplog.text.count("train/OK is not looked at") == 1


def test_the_gate_does_not_take_good_images_for_anomalies(tmp_path):
    files = [ImageFile("0", tmp_path / f"test/{kind}/0.png", "test", kind) for kind in ("good", "ok")]
    with pytest.raises(DatasetError, match=r"test/ok, whose images would be judged as anom.*move them to test/good"):
        Exam.of(ImageSet(tmp_path, (), (), tuple(files), ""))
