"""Data sets are pushed, listed and pulled by the digest of their images."""

import logging
import os
import unicodedata

import pytest
from PIL import Image

from csad.common.errors import DatasetError, StoreError
from csad.config.line import ProductLine
from csad.images import inspect
from csad.store.datasets import list_datasets, list_lines, pull_dataset, verify_dataset
from csad.store.push import push_checked, push_dataset
from tests.store.dataset_files import FILES, digest_of, files_in, objects_of, objects_sent


def test_a_pushed_data_set_has_the_digest_of_ingest_and_comes_back_whole(store, data, tmp_path):
    version = push_dataset(store, data, "bottle")
    assert version.digest == digest_of(data)
    assert (version.line, version.images) == ("bottle", 13)
    assert version.bytes == sum(len(content) for content in files_in(data).values())
    assert pull_dataset(store, "bottle", None, tmp_path / "copy") == version
    assert files_in(tmp_path / "copy") == files_in(data)
    assert digest_of(tmp_path / "copy") == version.digest
    assert list_datasets(store, "bottle") == [version]
    assert list_lines(store) == ["bottle"]
    assert verify_dataset(store, "bottle", version.digest) == []


def test_a_line_whose_data_were_removed_is_not_listed(store):
    store.put_bytes("datasets/bottle/latest.json", b"{}")
    store.put_bytes("datasets/gone/snapshots/1/manifest.json", b"{}")
    assert list_lines(store) == ["bottle", "gone"]
    store.delete(["datasets/gone/snapshots/1/manifest.json"])
    assert list_lines(store) == ["bottle"]


def test_a_flat_folder_with_odd_names_comes_back_with_the_same_digest(store, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("Gehäuse 1", unicodedata.normalize("NFD", "Öse"), "a#b%20?&+c", "日本"):
        Image.new("RGB", (8, 8), (len(name), 0, 0)).save(photos / f"{name}.png")
    version = push_dataset(store, photos, "bottle")
    pull_dataset(store, "bottle", None, tmp_path / "copy")
    assert version.digest == digest_of(photos) == digest_of(tmp_path / "copy")


def test_a_second_push_of_the_same_data_writes_nothing(store, data, requests):
    version = push_dataset(store, data, "bottle")
    assert len(objects_sent(requests)) == FILES
    requests.clear()
    assert push_dataset(store, data, "bottle") == version
    assert requests
    assert not [request for request in requests if not request.startswith(("GET", "HEAD"))]


def test_a_new_version_costs_what_is_new_in_it(store, data, requests):
    push_dataset(store, data, "bottle")
    requests.clear()
    Image.new("RGB", (16, 16), (1, 2, 3)).save(data / "train" / "good" / "new.png")
    push_dataset(store, data, "bottle")
    assert len(objects_sent(requests)) == 1
    assert len(list_datasets(store, "bottle")) == 2


def test_equal_images_are_stored_once(store, tmp_path):
    for index in range(20):
        Image.new("RGB", (8, 8), (index % 2, 0, 0)).save(tmp_path / f"{index}.png")
    version = push_dataset(store, tmp_path, "bottle")
    assert version.images == 20
    assert len(objects_of(store)) == 2


def test_the_version_pushed_last_is_the_latest_also_when_it_was_there_before(store, data, tmp_path):
    first = push_dataset(store, data, "bottle")
    (data / "defects_config.json").write_text("[1]")
    second = push_dataset(store, data, "bottle")
    assert pull_dataset(store, "bottle", None, tmp_path / "a") == second
    (data / "defects_config.json").write_text("[]")
    push_dataset(store, data, "bottle")
    assert pull_dataset(store, "bottle", None, tmp_path / "b") == first
    assert pull_dataset(store, "bottle", second.digest[:8], tmp_path / "c") == second


def test_unusable_images_stay_behind_after_a_check(store, data, tmp_path):
    (data / "train" / "good" / "broken.png").write_bytes(b"no image")
    line = ProductLine.from_yaml("name: bottle\nimages: {max_bad_fraction: 0.5}")
    images = inspect(data, line).images
    version = push_checked(store, images, "bottle")
    assert (version.digest, version.images) == (images.digest, 13)
    pull_dataset(store, "bottle", None, tmp_path / "copy")
    assert not (tmp_path / "copy" / "train" / "good" / "broken.png").exists()


def test_an_image_that_changed_after_the_check_is_not_pushed(store, data):
    images = inspect(data, ProductLine.from_yaml("name: bottle")).images
    Image.new("RGB", (8, 8), (1, 2, 3)).save(images.train[0].path)
    with pytest.raises(StoreError, match=r"changed after it was checked; no version was stored"):
        push_checked(store, images, "bottle")
    assert list_datasets(store, "bottle") == []


def test_a_folder_without_images_is_not_pushed(store, tmp_path):
    with pytest.raises(DatasetError, match="no images"):
        push_dataset(store, tmp_path, "bottle")
    assert list(store.list("")) == []


def test_names_that_are_not_utf_8_are_refused_before_anything_is_stored(store, data, requests):
    next(data.glob("train/good/*")).rename(data / "train/good" / os.fsdecode(b"gr\xf6\xdfe.png"))
    with pytest.raises(
        DatasetError, match=r"1 names are not UTF-8, such as train/good/gr\\xf6\\xdfe\.png; rename them"
    ):
        push_dataset(store, data, "bottle")
    assert not objects_sent(requests)


def test_names_that_are_no_lines_reach_no_key(store, data):
    for work in (lambda: push_dataset(store, data, "../x"), lambda: list_datasets(store, "a/b")):
        with pytest.raises(StoreError, match="no name of a product line"):
            work()
    assert list(store.list("")) == []


def test_a_folder_with_other_files_is_left_alone(store, data, tmp_path):
    push_dataset(store, data, "bottle")
    (tmp_path / "copy" / "train").mkdir(parents=True)
    (tmp_path / "copy" / "train" / "mine.png").write_bytes(b"mine")
    with pytest.raises(
        StoreError, match=r"1 files that are not of this version \(train/mine\.png\); choose an empty folder"
    ):
        pull_dataset(store, "bottle", None, tmp_path / "copy")
    assert files_in(tmp_path / "copy") == {"train/mine.png": b"mine"}


def test_a_complete_copy_is_not_fetched_again(store, data, tmp_path, requests):
    push_dataset(store, data, "bottle")
    pull_dataset(store, "bottle", None, tmp_path / "copy")
    requests.clear()
    pull_dataset(store, "bottle", None, tmp_path / "copy")
    assert not [request for request in requests if "/objects/" in request]


def test_progress_is_told(store, data, caplog, tmp_path):
    caplog.set_level(logging.INFO)
    push_dataset(store, data, "bottle")
    pull_dataset(store, "bottle", None, tmp_path / "copy")
    verify_dataset(store, "bottle", None)
    starts = ("Storing images: 16 done", "Fetching images: 16 done", "Checking objects: 16 done")
    assert [start for start in starts if start in caplog.text] == list(starts)
    assert "16 of 16 files were new" in caplog.text
