from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from csad.config.line import ProductLine
from csad.config.settings import PseudoLabelSettings, TagSettings
from csad.images.layout import list_images
from csad.pseudo_labels.type_samples import images_to_tag

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "mvtec_loco" / "juice_bottle"
CHERRY, ORANGE, BANANA = (150, 20, 40), (230, 140, 30), (235, 225, 170)


@pytest.fixture(scope="module")
def juices(tmp_path_factory):
    """Bottles of three juices in turn, a little noisy: 000 cherry, 001 orange, 002 banana, 003 cherry."""
    root = tmp_path_factory.mktemp("juices")
    for split, count in (("train", 24), ("validation", 1)):
        for index in range(count):
            save_bottle(root / split / "good" / f"{index:03d}.png", (CHERRY, ORANGE, BANANA)[index % 3], index)
    return tuple(image for image in list_images(root, 0.2) if image.split == "train")


def save_bottle(path: Path, juice: tuple[int, int, int], seed: int) -> None:
    pixels = np.full((48, 32, 3), 20.0)
    pixels[8:44, 8:24] = juice
    pixels += np.random.default_rng(seed).normal(0, 4, pixels.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)


def chosen(files, images="auto", types="auto"):
    line = ProductLine(name="juice", tags=TagSettings(images=images), pseudo_labels=PseudoLabelSettings(types=types))
    return [image.stem for image in images_to_tag(line, files)]


def test_the_first_image_of_each_type_is_chosen(juices):
    assert chosen(juices) == ["000", "001", "002"]
    assert chosen(juices, types=3) == ["000", "001", "002"]


def test_a_line_of_one_type_needs_the_first_image_only(juices):
    assert chosen(juices, types=1) == ["000"]
    assert chosen([image for image in juices if int(image.stem) % 3 == 0]) == ["000"]


def test_a_number_of_images_is_spread_evenly(juices):
    assert chosen(juices, images=3) == ["000", "012", "023"]
    assert len(chosen(juices, images=100)) == 24


def test_few_images_count_as_one_type(juices):
    assert chosen(juices[:4]) == ["000"]


def test_equal_images_count_as_one_type(juices):
    assert chosen([juices[0]] * 12) == ["000"]


@pytest.mark.skipif(not REAL.is_dir(), reason=f"needs {REAL.name} of MVTec LOCO AD in ../shared/data/mvtec_loco")
def test_real_juices_are_told_apart():
    files = [image for image in list_images(REAL, 0.2) if image.split == "train"]
    assert chosen(files) == ["000", "010", "031"]  # orange, cherry and banana
