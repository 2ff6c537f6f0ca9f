"""One rule for what belongs to the images, with a count of everything else."""

import os

import pytest

from csad.common.errors import DatasetError
from csad.config.settings import MAXIMUM_DEPTH
from csad.images.ignored import find_ignored
from csad.images.walking import say_ignored, walk
from tests.images.test_layout import touch


def names(folder, **options):
    return [path.relative_to(folder).as_posix() for path in walk(folder, **options).images]


def test_subfolders_linked_folders_and_every_ending_of_the_formats_belong_to_the_images(tmp_path):
    touch(tmp_path, "in/1.jpg", "in/2.JFIF", "in/3.jpe", "in/4.dib", "in/day/5.tif", "camera/6.png")
    (tmp_path / "in/cam").symlink_to("../camera")
    assert names(tmp_path / "in") == ["1.jpg", "2.JFIF", "3.jpe", "4.dib", "cam/6.png", "day/5.tif"]


def test_a_link_back_to_a_folder_above_is_counted_and_not_followed(tmp_path):
    touch(tmp_path, "in/1.png", "in/day/2.png", "other/3.png")
    (tmp_path / "in/day/up").symlink_to("../..")
    (tmp_path / "in/self").symlink_to(".")
    found = walk(tmp_path / "in")
    assert len(found.images) == 2
    assert found.ignored == {"link day/up/ back to a folder above": 1, "link self/ back to a folder above": 1}


def test_a_folder_that_is_also_linked_is_read_once_and_under_its_own_name(tmp_path):
    touch(tmp_path, "day7/1.png", "day7/cam/2.png")
    (tmp_path / "a_latest").symlink_to("day7")
    (tmp_path / "b_cam").symlink_to("day7/cam")
    assert names(tmp_path) == ["day7/1.png", "day7/cam/2.png"]
    assert say_ignored(walk(tmp_path).ignored) == (
        "2 files ignored: link a_latest/ to a folder that is read already 1, "
        "link b_cam/ to a folder that is read already 1"
    )


def test_two_folders_that_link_to_each_other_end(tmp_path):
    touch(tmp_path, "in/1.png", "a/2.png", "b/3.png")
    (tmp_path / "in/a").symlink_to("../a")
    (tmp_path / "a/b").symlink_to("../b")
    (tmp_path / "b/a").symlink_to("../a")
    assert names(tmp_path / "in") == ["1.png", "a/2.png", "a/b/3.png"]


def test_a_link_into_a_hidden_folder_is_followed(tmp_path):
    touch(tmp_path, ".versions/3/1.png")
    (tmp_path / "current").symlink_to(".versions/3")
    assert names(tmp_path) == ["current/1.png"]


def test_a_link_to_nothing_is_named_and_one_that_looks_like_an_image_is_kept_to_fail_by_name(tmp_path):
    (tmp_path / "cam").symlink_to("gone")
    (tmp_path / "1.png").symlink_to("gone.png")
    (tmp_path / "circle").symlink_to("circle")
    found = walk(tmp_path)
    assert found.images == (tmp_path / "1.png",)
    assert found.ignored == {"link cam to nothing": 1, "link circle to nothing": 1}


def test_what_lies_below_the_last_level_is_counted(tmp_path):
    deepest = "/".join(["d"] * MAXIMUM_DEPTH)
    touch(tmp_path, f"{deepest}/1.png", f"{deepest}/e/2.png", f"{deepest}/e/f/3.png")
    assert names(tmp_path) == [f"{deepest}/1.png"]
    assert walk(tmp_path).ignored == {f"subfolder {deepest}/e/ below level {MAXIMUM_DEPTH}": 2}


def test_a_folder_that_cannot_be_listed_is_an_error_and_not_an_empty_one(tmp_path, monkeypatch):
    touch(tmp_path, "1.png", "locked/2.png")
    listed = os.scandir

    def refuse(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(DatasetError, match=r"locked cannot be listed: Permission denied; change its permissions"):
        walk(tmp_path)


def test_images_and_masks_that_the_layout_has_no_place_for_are_counted(tmp_path):
    touch(
        tmp_path, "train/good/0.png", "train/1.png", "test/bad/0.png", "test/2.png", "3.png", "day1/4.png", "day1/5.png"
    )
    touch(tmp_path, "README.txt", "defects_config.json")
    touch(tmp_path, "ground_truth/bad/0/000.png", "ground_truth/bad/1/000.png", "ground_truth/bad/0_mask.bmp")
    assert find_ignored(tmp_path) == {
        "subfolder day1/": 2,
        "beside train/, validation/ and test/": 1,
        "directly in train/": 1,
        "directly in test/": 1,
        "in ground_truth/ of no test image": 2,
    }
