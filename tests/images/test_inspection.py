import hashlib
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from csad.common.errors import DatasetError
from csad.config.line import ProductLine
from csad.images import inspect, scan, scan_for_evaluation

LINE = ProductLine(name="kit")
TOLERANT = ProductLine.from_yaml("name: kit\nimages: {max_bad_fraction: 0.5}\n")


def write(path, value, size=(6, 4)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, 0, 0)).save(path)


@pytest.fixture
def loco(tmp_path):
    root = tmp_path / "loco"
    for i in range(3):
        write(root / f"train/good/{i}.png", i)
    write(root / "validation/good/0.png", 10)
    write(root / "test/good/0.png", 20)
    write(root / "test/logical_anomalies/0.png", 30)
    write(root / "ground_truth/logical_anomalies/0/000.png", 255)
    return root


def test_every_image_is_found_in_its_split(loco):
    images = scan(loco, LINE)
    assert [image.key for image in images.train] == ["train/good/0", "train/good/1", "train/good/2"]
    assert [image.key for image in images.validation] == ["validation/good/0"]
    assert [image.key for image in images.test] == ["test/good/0", "test/logical_anomalies/0"]
    assert images.problems == ()


def test_formats_stand_in_the_order_of_the_images(loco):
    write(loco / "validation/good/0.png", 10, size=(8, 2))
    formats = inspect(loco, LINE).formats
    assert [(found.width, found.height) for found in formats] == [(6, 4)] * 3 + [(8, 2)] + [(6, 4)] * 2
    assert [found.brightest for found in formats] == [0, 1, 2, 10, 20, 30]
    assert formats[3].sha256 == hashlib.sha256((loco / "validation/good/0.png").read_bytes()).hexdigest()


def test_the_training_digest_is_the_hash_of_names_and_contents(tmp_path):
    text = ""
    for value, name in enumerate(("train/good/a.png", "train/good/b.png", "validation/good/c.png")):
        write(tmp_path / name, 40 * value)
        text += f"{name}\0{hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()}\n"
    images = scan(tmp_path, LINE)
    assert images.training_digest == hashlib.sha256(text.encode()).hexdigest()
    assert images.digest == images.training_digest


def test_the_digest_ignores_time_and_place(loco, tmp_path):
    before = scan(loco, LINE).digest
    moved = tmp_path / "ort"
    shutil.copytree(loco, moved)
    os.utime(moved / "train/good/0.png", (1, 1))
    assert scan(moved, LINE).digest == before


def test_the_digest_follows_every_content(loco):
    digests = {scan(loco, LINE).digest}
    names = ("train/good/0", "validation/good/0", "test/good/0", "ground_truth/logical_anomalies/0/000")
    for number, name in enumerate(names):
        write(loco / f"{name}.png", 99 + 30 * number)
        digests.add(scan(loco, LINE).digest)
    (loco / "defects_config.json").write_text("[]")
    digests.add(scan(loco, LINE).digest)
    (loco / "train/good/0.png").rename(loco / "train/good/00.png")
    digests.add(scan(loco, LINE).digest)
    assert len(digests) == 7


def test_the_training_digest_does_not_follow_test_images(loco):
    before = scan(loco, LINE)
    write(loco / "test/good/0.png", 99)
    after = scan(loco, LINE)
    assert after.training_digest == before.training_digest
    assert after.digest != before.digest


def test_too_many_bad_files_are_fatal_and_named(loco):
    (loco / "train/good/1.png").write_bytes(b"")
    (loco / "test/good/0.png").write_text("text")
    with pytest.raises(DatasetError) as caught:
        scan(loco, LINE)
    message = str(caught.value)
    assert "2 of 6 files (33.3%) cannot be used; at most 1.0% are skipped" in message
    assert f"{loco / 'train/good/1.png'}: empty file (0 bytes)" in message
    assert f"{loco / 'test/good/0.png'}: not an image" in message
    assert "images.max_bad_fraction" in message


def test_a_few_bad_files_are_skipped_and_logged(loco, caplog):
    path = loco / "train/good/1.png"
    path.write_bytes(path.read_bytes()[:50])
    images = scan(loco, TOLERANT)
    assert [image.stem for image in images.train] == ["0", "2"]
    assert [problem.path for problem in images.problems] == [path]
    assert f"skipped {path}: corrupt or truncated" in caplog.text


def test_only_the_first_twenty_bad_files_are_named(tmp_path):
    for i in range(25):
        (tmp_path / f"{i:02d}.png").write_bytes(b"")
    with pytest.raises(DatasetError, match="and 5 more") as caught:
        scan(tmp_path, LINE)
    assert str(caught.value).count("empty file") == 20


def test_an_image_with_too_many_pixels_is_a_problem(loco):
    line = ProductLine.from_yaml("name: kit\nimages: {max_bad_fraction: 0.5, max_pixels: 24}\n")
    write(loco / "train/good/1.png", 1, size=(5, 5))
    assert [problem.reason for problem in scan(loco, line).problems] == [
        "5 x 5 are 25 pixels; at most 24 (images.max_pixels) are allowed"
    ]


def test_a_broken_link_is_a_problem(loco):
    (loco / "train/good/9.png").symlink_to(loco / "gone.png")
    assert [problem.reason for problem in scan(loco, TOLERANT).problems] == ["not a regular file"]


def test_a_name_that_is_not_utf_8_is_a_problem_that_can_be_printed(loco, caplog):
    latin = loco / "train/good" / os.fsdecode(b"gr\xf6\xdfe.png")
    write(loco / "plain.png", 1)
    (loco / "plain.png").rename(latin)

    images = scan(loco, TOLERANT)

    assert len(images.train) == 3
    assert [str(problem) for problem in images.problems] == [
        rf"{loco}/train/good/gr\xf6\xdfe.png: its name is not UTF-8; rename it"
    ]
    assert r"skipped" in caplog.text
    assert r"gr\xf6\xdfe.png: its name is not UTF-8; rename it" in caplog.text
    with pytest.raises(DatasetError, match=r"gr\\xf6\\xdfe\.png: its name is not UTF-8"):
        scan(loco, LINE)


def test_a_folder_whose_name_is_not_utf_8_is_a_problem_of_its_images(loco):
    (loco / "test/logical_anomalies").rename(loco / "test" / os.fsdecode(b"ma\xdfe"))

    assert [problem.reason for problem in scan(loco, TOLERANT).problems] == ["its name is not UTF-8; rename it"]


@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_images_are_too_few(tmp_path, count):
    for i in range(count):
        write(tmp_path / f"{i}.png", i)
    with pytest.raises(DatasetError, match=f"{count} good images to train and 0 to calibrate"):
        scan(tmp_path, LINE)


def test_three_images_in_a_flat_folder_are_enough_to_start(tmp_path):
    for i in range(3):
        write(tmp_path / f"größe {i}.png", i)
    images = scan(tmp_path, LINE)
    assert (len(images.train), len(images.validation), len(images.test)) == (2, 1, 0)


def test_different_sizes_are_accepted(tmp_path):
    for i in range(5):
        write(tmp_path / f"{i}.png", 40 * i, size=(6, 4) if i else (8, 8))
    assert len(scan(tmp_path, LINE).train) + len(scan(tmp_path, LINE).validation) == 5


def test_images_of_one_product_alone_do_not_train(tmp_path):
    for i in range(5):
        write(tmp_path / f"{i}.png", 7)
    with pytest.raises(DatasetError, match=r"the 5 good images of .* show only 1 different products"):
        scan(tmp_path, LINE)


def test_many_frames_of_few_products_do_not_train(tmp_path):
    for i in range(24):
        write(tmp_path / f"{i}.png", 40 * (i % 6))
    with pytest.raises(DatasetError, match=r"the 24 good images of .* show only 6 different products.*at least 20"):
        scan(tmp_path, LINE)


def test_twelve_bits_in_sixteen_are_warned_of(tmp_path, caplog):
    for i in range(3):
        Image.fromarray(np.full((4, 4), 4000 + i, np.uint16)).save(tmp_path / f"{i}.png")
    scan(tmp_path, LINE)
    assert "almost black" in caplog.text


def test_evaluation_needs_test_images_only(loco):
    shutil.rmtree(loco / "train")
    shutil.rmtree(loco / "validation")
    images = scan_for_evaluation(loco, LINE)
    assert (len(images.train), len(images.validation), len(images.test)) == (0, 0, 2)


def test_evaluation_without_test_images_says_what_is_expected(tmp_path):
    for i in range(3):
        write(tmp_path / f"{i}.png", i)
    with pytest.raises(DatasetError, match="no test images; expected test/good"):
        scan_for_evaluation(tmp_path, LINE)
