import numpy as np
import pytest
from PIL import Image

from csad.common.errors import DatasetError
from csad.images import ImageFile, ground_truth_masks
from csad.images.layout import list_images


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def keys(root, fraction=0.2):
    return [image.key for image in list_images(root, fraction)]


def test_the_loco_layout_is_listed_by_split_kind_and_stem(tmp_path):
    touch(tmp_path, "train/good/001.png", "train/good/000.jpg", "validation/good/000.png")
    touch(tmp_path, "test/logical_anomalies/000.png", "test/good/000.png", "ground_truth/logical_anomalies/000/000.png")
    assert keys(tmp_path) == [
        "train/good/000",
        "train/good/001",
        "validation/good/000",
        "test/good/000",
        "test/logical_anomalies/000",
    ]


def test_a_flat_folder_is_split_into_train_and_validation(tmp_path):
    touch(tmp_path, *(f"{i:03d}.png" for i in range(200)))
    images = list_images(tmp_path, 0.25)
    held_out = [image for image in images if image.split == "validation"]
    assert len(images) == 200
    assert 30 <= len(held_out) <= 70
    assert all(image.kind == "good" for image in images)


def test_a_new_image_leaves_all_others_where_they_are(tmp_path):
    touch(tmp_path, *(f"{i:03d}.png" for i in range(100)))
    before = set(keys(tmp_path))
    touch(tmp_path, "050b.png", "999.png", "0.png")
    after = set(keys(tmp_path))
    assert before < after
    assert len(after - before) == 3


def test_the_extension_does_not_decide_the_split(tmp_path):
    touch(tmp_path / "a", *(f"{i:03d}.png" for i in range(50)))
    touch(tmp_path / "b", *(f"{i:03d}.JPG" for i in range(50)))
    assert keys(tmp_path / "a") == keys(tmp_path / "b")


def test_a_folder_without_validation_holds_some_train_images_out(tmp_path):
    touch(tmp_path, *(f"train/good/{i:03d}.png" for i in range(100)), "validation/good/.keep")
    splits = [image.split for image in list_images(tmp_path, 0.2)]
    assert 5 <= splits.count("validation") <= 40
    assert splits.count("train") + splits.count("validation") == 100


@pytest.mark.parametrize(
    ("count", "train", "validation"), [(1, 1, 0), (2, 2, 0), (3, 2, 1), (4, 3, 1), (10, 7, 3), (15, 10, 5), (30, 25, 5)]
)
def test_small_sets_keep_two_to_train_and_hold_out_a_third_up_to_five(tmp_path, count, train, validation):
    touch(tmp_path, *(f"{i}.png" for i in range(count)))
    splits = [image.split for image in list_images(tmp_path, 0.001)]
    assert (splits.count("train"), splits.count("validation")) == (train, validation)


def test_a_large_fraction_still_leaves_two_to_train(tmp_path):
    touch(tmp_path, *(f"{i}.png" for i in range(10)))
    assert [image.split for image in list_images(tmp_path, 0.99)].count("train") == 2


def test_hidden_and_foreign_files_are_ignored(tmp_path):
    touch(tmp_path, "a.png", "b.png", "._a.png", ".hidden.png", "Thumbs.db", "notes.txt", ".git/c.png")
    (tmp_path / "folder.png").mkdir()
    assert sorted(image.stem for image in list_images(tmp_path, 0.2)) == ["a", "b"]


def test_names_with_spaces_and_umlauts_are_stems(tmp_path):
    touch(tmp_path, "größe 1.png", "日本.jpg")
    assert sorted(image.stem for image in list_images(tmp_path, 0.2)) == ["größe 1", "日本"]


def test_a_decomposed_umlaut_is_the_same_stem(tmp_path):
    touch(tmp_path, "gro\u0308sse.png")
    assert [image.stem for image in list_images(tmp_path, 0.2)] == ["gr\u00f6sse"]


def test_two_files_with_one_stem_are_both_named(tmp_path):
    touch(tmp_path, "train/good/a.jpg", "train/good/a.png")
    with pytest.raises(DatasetError, match=r"a\.jpg and a\.png in .*train/good"):
        list_images(tmp_path, 0.2)


def test_one_stem_in_two_folders_is_fine(tmp_path):
    touch(tmp_path, "train/good/a.jpg", "validation/good/a.png")
    assert keys(tmp_path) == ["train/good/a", "validation/good/a"]


def test_a_missing_folder_and_a_file_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="does not exist"):
        list_images(tmp_path / "no", 0.2)
    touch(tmp_path, "file")
    with pytest.raises(DatasetError, match="is not a folder"):
        list_images(tmp_path / "file", 0.2)


def test_an_empty_folder_says_what_is_expected(tmp_path):
    with pytest.raises(DatasetError, match=r"it is empty; expected images \(apng bmp dib jfif jpe jpeg .*train/good"):
        list_images(tmp_path, 0.2)


def test_a_folder_without_images_says_what_it_holds(tmp_path):
    touch(tmp_path, "bad/a.png", "photo.raw")
    with pytest.raises(
        DatasetError, match=r"it holds bad/, photo\.raw \(2 files ignored: \.raw 1, subfolder bad/ 1\); expected"
    ):
        list_images(tmp_path, 0.2)


def test_good_is_good_however_it_is_written(tmp_path):
    touch(tmp_path, "train/Good/0.png", "validation/GOOD/0.png", "test/Good/0.png", "test/Goods/0.png")
    assert keys(tmp_path) == ["train/good/0", "validation/good/0", "test/Goods/0", "test/good/0"]


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_two_folders_of_good_images_in_one_split_are_refused(tmp_path, split):
    touch(tmp_path, "train/good/0.png", f"{split}/good/1.png", f"{split}/Good/1.png")
    with pytest.raises(DatasetError, match=rf"{split} has the folders Good and good, expected one.*move all into good"):
        list_images(tmp_path, 0.2)


def test_day_folders_of_a_flat_folder_are_trained_on_under_stems_that_name_the_day(tmp_path):
    touch(tmp_path, "0.png", "1.png", "day1/0.png", "day1/cam2/0.jfif", "day2/0.png")
    stems = sorted(image.stem for image in list_images(tmp_path, 0.2))
    assert stems == ["0", "1", "day1__0", "day1__cam2__0", "day2__0"]


def test_day_folders_of_good_and_of_test_images_belong_to_their_split_and_kind(tmp_path):
    touch(tmp_path, "train/good/0.png", "train/good/day1/0.png", "validation/good/d/0.png", "test/bad/day2/0.png")
    assert keys(tmp_path) == ["train/good/0", "train/good/day1__0", "validation/good/d__0", "test/bad/day2__0"]


def test_two_images_that_would_be_filed_under_one_name_are_both_named(tmp_path):
    touch(tmp_path, "day1__0.png", "day1/0.png")
    with pytest.raises(DatasetError, match=r"day1/0\.png and day1__0\.png in .* would both be called day1__0"):
        list_images(tmp_path, 0.2)


@pytest.mark.parametrize("name", ["bad", "NG", "not good", "defects_may", "test", "ground_truth", "Masks"])
def test_a_folder_that_is_not_good_by_its_name_trains_nothing(tmp_path, name):
    touch(tmp_path, "0.png", "1.png", f"day1/{name}/0.png")
    assert sorted(image.stem for image in list_images(tmp_path, 0.2)) == ["0", "1"]


def test_the_parent_folder_of_a_data_set_does_not_train_on_its_test_images(tmp_path):
    touch(tmp_path, "bottle/train/good/0.png", "bottle/test/broken/0.png", "bottle/ground_truth/broken/0_mask.png")
    with pytest.raises(DatasetError, match=r"it holds bottle/ \(3 files ignored"):
        list_images(tmp_path, 0.2)


def test_masks_of_an_image_in_a_subfolder_lie_in_a_subfolder_of_the_same_name(tmp_path):
    touch(tmp_path, "test/bad/day1/0.png", "ground_truth/bad/0/000.png", "ground_truth/bad/day1/0/000.png")
    (image,) = list_images(tmp_path, 0.2)
    assert ground_truth_masks(tmp_path, image) == [tmp_path / "ground_truth/bad/day1/0/000.png"]


def test_masks_of_a_defect_come_sorted(tmp_path):
    folder = tmp_path / "ground_truth" / "logical_anomalies" / "a"
    folder.mkdir(parents=True)
    for name in ("001.png", "000.png"):
        Image.fromarray(np.zeros((2, 2), np.uint8)).save(folder / name)
    image = ImageFile("a", tmp_path / "test/logical_anomalies/a.jpg", "test", "logical_anomalies")
    assert [mask.name for mask in ground_truth_masks(tmp_path, image)] == ["000.png", "001.png"]


def test_masks_named_as_in_mvtec_ad_are_found(tmp_path):
    touch(tmp_path, "ground_truth/crack/a_mask.png")
    image = ImageFile("a", tmp_path / "test/crack/a.png", "test", "crack")
    assert ground_truth_masks(tmp_path, image) == [tmp_path / "ground_truth/crack/a_mask.png"]


def test_masks_named_as_their_image_are_found_where_there_is_no_other(tmp_path):
    touch(tmp_path, "ground_truth/bad/a.png")
    image = ImageFile("a", tmp_path / "test/bad/a.jpg", "test", "bad")
    assert ground_truth_masks(tmp_path, image) == [tmp_path / "ground_truth/bad/a.png"]
    touch(tmp_path, "ground_truth/bad/a_mask.png")
    assert ground_truth_masks(tmp_path, image) == [tmp_path / "ground_truth/bad/a_mask.png"]


def test_a_good_image_has_no_masks(tmp_path):
    assert ground_truth_masks(tmp_path, ImageFile("a", tmp_path / "test/good/a.png", "test", "good")) == []
