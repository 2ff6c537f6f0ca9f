import pytest

from csad.common.errors import DatasetError
from csad.reproduction.data_sets import find_data_set
from csad.reproduction.published import CATEGORIES


def make(folder, *parts):
    for part in parts:
        (folder / part).mkdir(parents=True)
        (folder / part / "000.png").touch()


WHOLE = ("train/good", "test/good", "test/logical_anomalies")


def test_what_is_there_is_taken_and_what_is_missing_is_said(tmp_path):
    make(tmp_path / "pushpins", *WHOLE)
    make(tmp_path / "screw_bag", "train/good", "test/good")
    make(tmp_path / "juice_bottle", "test/good")
    make(tmp_path / "breakfast_box", "train/good", "test/logical_anomalies")
    found = find_data_set("loco", tmp_path)
    assert [category.name for category in found.categories] == ["pushpins"]
    assert found.missing == (
        "breakfast_box: has no test/good",
        "juice_bottle: has no train/good",
        "screw_bag: has no anomalous test images",
        "splicing_connectors: is not there",
    )
    assert not found.complete


def test_all_five_categories_are_complete(tmp_path):
    for category in CATEGORIES:
        make(tmp_path / category, *WHOLE)
    assert find_data_set("loco", tmp_path).complete


def test_any_folder_may_be_one_line_or_hold_several(tmp_path):
    make(tmp_path / "Kit A", *WHOLE)
    make(tmp_path / "kit_b", *WHOLE)
    make(tmp_path, "notes")
    several = find_data_set("folder", tmp_path)
    assert [category.name for category in several.categories] == ["kit_a", "kit_b"]
    one = find_data_set("folder", tmp_path / "kit_b")
    assert [(category.name, category.folder) for category in one.categories] == [("kit_b", tmp_path / "kit_b")]


def test_a_folder_without_any_category_is_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"holds no category of mvtec-ad \(bottle: is not there"):
        find_data_set("mvtec-ad", tmp_path)
    with pytest.raises(DatasetError, match="there is no folder with train/good"):
        find_data_set("folder", tmp_path)
