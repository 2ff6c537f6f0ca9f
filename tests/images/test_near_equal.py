import numpy as np
import pytest
from PIL import Image

from csad.common.errors import DatasetError
from csad.config.line import ProductLine
from csad.images import inspect, scan
from csad.images.independence import describe
from csad.images.near_equal import group_near_equal, nearest_others

LINE = ProductLine(name="kit")


def product(number, noise=0, size=64):
    """Coarse random blocks, one pattern per product, and sensor noise of this seed."""
    blocks = np.random.default_rng(number).integers(60, 200, (8, 8, 3)).repeat(size // 8, 0).repeat(size // 8, 1)
    return np.clip(blocks + np.random.default_rng(1000 + noise).normal(0, 1.5, blocks.shape), 0, 255).astype(np.uint8)


def save(pixels, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def thumbnails(*levels):
    return np.stack([np.full((2, 2, 3), level, np.uint8) for level in levels])


def test_images_closer_than_a_tenth_of_the_usual_difference_are_one_group():
    groups = group_near_equal(thumbnails(0, 100, 1, 101, 200), "abcde")
    assert groups.tolist() == [0, 1, 0, 1, 2]


def test_groups_grow_through_images_between():
    assert group_near_equal(thumbnails(0, 1, 2, 3, 100, 200, 250), "abcdefg").tolist() == [0, 0, 0, 0, 1, 2, 3]


def test_a_very_constant_line_is_not_one_group():
    assert group_near_equal(thumbnails(10, 11, 12, 13), "abcd").tolist() == [0, 1, 2, 3]


def test_equal_files_are_one_group_whatever_the_rest():
    assert group_near_equal(thumbnails(10, 10, 12), ["x", "x", "y"]).tolist() == [0, 0, 1]


def test_the_nearest_other_image_is_of_another_group():
    assert nearest_others(thumbnails(0, 1, 50), np.array([0, 0, 1])).tolist() == pytest.approx([50, 49, 49], abs=1e-3)


def test_twenty_bursts_are_held_out_as_wholes(tmp_path):
    for number in range(20):
        for frame in range(3):
            save(product(number, 10 * number + frame), tmp_path / f"p{number:02d}_f{frame}.png")
    images = scan(tmp_path, LINE)
    trained, held_out = ({image.stem[:3] for image in side} for side in (images.train, images.validation))
    assert (len(trained | held_out), trained & held_out) == (20, set())
    assert len(images.train) == 3 * len(trained)
    assert len(set(images.groups.values())) == 20
    (sentence,) = describe(images)
    assert sentence.startswith("60 good images are near-equal to others, in 20 groups (p00_f0, p00_f1, p00_f2;")


def test_a_new_image_leaves_all_others_on_their_side(tmp_path):
    for number in range(40):
        save(product(number), tmp_path / f"{number:03d}.png")
    before = {image.stem for image in scan(tmp_path, LINE).validation}
    save(product(40), tmp_path / "040.png")
    assert {image.stem for image in scan(tmp_path, LINE).validation} - {"040"} == before


def with_copies(root, copies, others):
    for number in range(10):
        save(product(number), root / f"train/good/{number:03d}.png")
    for number in range(copies):
        save(product(number, 7), root / f"validation/good/copy{number}.png")
    for number in range(others):
        save(product(50 + number), root / f"validation/good/other{number}.png")


def test_validation_images_near_equal_to_training_images_set_no_threshold(tmp_path, caplog):
    with_copies(tmp_path, copies=3, others=5)
    images = scan(tmp_path, LINE)
    assert [image.stem for image in images.validation] == [f"other{number}" for number in range(5)]
    assert [image.stem for image in images.dependent] == ["copy0", "copy1", "copy2"]
    assert (
        "3 validation images are near-equal to training images and set no threshold: copy0, copy1, copy2" in caplog.text
    )


def test_too_few_independent_validation_images_are_refused(tmp_path):
    with_copies(tmp_path, copies=5, others=4)
    with pytest.raises(
        DatasetError, match=r"5 of 9 images of .*validation.* leaves 4 independent ones; expected at least 5"
    ):
        scan(tmp_path, LINE)


def test_good_test_images_near_equal_to_training_images_are_not_independent(tmp_path):
    with_copies(tmp_path, copies=0, others=5)
    save(product(3, 9), tmp_path / "test/good/a.png")
    save(product(99), tmp_path / "test/good/b.png")
    assert [image.stem for image in scan(tmp_path, LINE).independent_test] == ["b"]


def test_a_shifted_copy_is_too_near_to_calibrate(tmp_path):
    for number in range(10):
        save(product(number), tmp_path / f"train/good/{number:03d}.png")
        save(np.roll(product(number, 5), 1, axis=1), tmp_path / f"validation/good/{number:03d}.png")
    with pytest.raises(DatasetError, match="times as far from the training images as these are from each other"):
        scan(tmp_path, LINE)


def test_a_quarter_of_black_frames_is_named(tmp_path):
    for number in range(24):
        save(product(number), tmp_path / f"{number:03d}.png")
    for number in range(8):
        save(np.full((64, 64, 3), number % 4, np.uint8), tmp_path / f"black{number}.png")
    unusual = scan(tmp_path, LINE).unusual
    assert {key.rpartition("/")[2] for key in unusual} == {f"black{number}" for number in range(8)}
    assert all(reason.startswith("dark: mean value") for reason in unusual.values())


def test_excluded_images_are_left_out_and_unknown_names_are_errors(tmp_path, caplog):
    for number in range(10):
        save(product(number), tmp_path / f"{number:03d}.png")
    images = scan(tmp_path, ProductLine.from_yaml("name: kit\nimages: {exclude: ['003', '007']}\n"))
    assert {image.stem for image in (*images.train, *images.validation)} == {f"{n:03d}" for n in range(10)} - {
        "003",
        "007",
    }
    assert "left out 2 good images that the line excludes: 003, 007" in caplog.text
    inspection = inspect(tmp_path, LINE)
    line = ProductLine.from_yaml("name: kit\nimages: {exclude: [missing]}\n")
    assert "names 1 good images that" in (inspection.obstacle_to_training(line) or "")
