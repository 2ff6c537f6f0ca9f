import json
import logging
import os
import threading
import time
import tracemalloc
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from csad.errors import DatasetError, StoreError
from csad.images import inspect
from csad.line import ProductLine
from csad.store import data_source, datasets
from csad.store.datasets import (
    list_datasets,
    list_lines,
    pull_dataset,
    push_checked,
    push_dataset,
    remove_damaged,
    verify_dataset,
)
from csad.store.embedded import EmbeddedStore
from csad.store.failures import Damaged
from csad.store.objects import ObjectStore
from csad.store.sealed import seal
from csad.store.snapshots import FileList, StoredFile, files_key, latest_key, manifest_key, object_key

LINE = ProductLine(name="bottle")
FILES = 16
"""In the folder `data`, each with a content of its own."""


def digest_of(folder: Path) -> str:
    return inspect(folder, LINE).images.digest


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def objects_sent(requests: list[str]) -> list[str]:
    return [request for request in requests if request.startswith("PUT") and "/objects/" in request]


def objects_of(store: ObjectStore) -> list[str]:
    return list(store.list("datasets/bottle/objects/"))


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


def test_a_flat_folder_with_odd_names_comes_back_with_the_same_digest(store, tmp_path):
    for name in ("Gehäuse 1", unicodedata.normalize("NFD", "Öse"), "a#b%20?&+c", "日本"):
        Image.new("RGB", (8, 8), (len(name), 0, 0)).save(tmp_path / f"{name}.png")
    version = push_dataset(store, tmp_path, "bottle")
    pull_dataset(store, "bottle", None, tmp_path / "copy")
    assert version.digest == digest_of(tmp_path) == digest_of(tmp_path / "copy")


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


def test_an_interrupted_push_shows_nothing_and_goes_on_where_it_was(store, data, requests, monkeypatch):
    write = store.put_bytes

    def failing(key, content, **conditions):
        if len(objects_sent(requests)) >= 5:
            raise StoreError("the cable was pulled")
        return write(key, content, **conditions)

    monkeypatch.setattr(store, "put_bytes", failing)
    with pytest.raises(StoreError, match="cable"):
        push_dataset(store, data, "bottle")
    monkeypatch.undo()
    assert list_datasets(store, "bottle") == []
    with pytest.raises(StoreError, match="no data set of line bottle"):
        pull_dataset(store, "bottle", None, data.parent / "copy")
    there = len(objects_of(store))
    assert 5 <= there < FILES
    writes = []
    monkeypatch.setattr(
        store, "put_bytes", lambda key, *rest, **more: (writes.append(key), write(key, *rest, **more))[1]
    )
    push_dataset(store, data, "bottle")
    assert len([key for key in writes if "/objects/" in key]) == FILES - there
    assert verify_dataset(store, "bottle", None) == []


def damage(store: ObjectStore, data: Path) -> str:
    """Overwrite the object of one image; returns the image's name."""
    name = "train/good/3.png"
    key = object_key("bottle", datasets.file_sha256(data / name))
    size = (data / name).stat().st_size
    store.put_bytes(key, b"x" * size)
    return name


def test_a_damaged_object_is_noticed_on_reading_and_nothing_is_shown(store, data, tmp_path):
    push_dataset(store, data, "bottle")
    damage(store, data)
    with pytest.raises(Damaged, match=r"objects/[0-9a-f]{64} in the store is damaged"):
        pull_dataset(store, "bottle", None, tmp_path / "copy")
    assert not [path for path in (tmp_path / "copy").iterdir() if not path.name.startswith(".")]


def test_a_damaged_object_is_named_removed_and_stored_anew(store, data, tmp_path):
    version = push_dataset(store, data, "bottle")
    name = damage(store, data)
    assert [problem.partition(":")[0] for problem in verify_dataset(store, "bottle", None)] == [name]
    assert [problem.partition(":")[0] for problem in remove_damaged(store, "bottle", None)] == [name]
    assert verify_dataset(store, "bottle", None) == [f"{name}: missing"]
    push_dataset(store, data, "bottle")
    assert verify_dataset(store, "bottle", None) == []
    assert pull_dataset(store, "bottle", version.digest, tmp_path / "copy") == version


def test_a_cut_object_is_stored_anew_by_the_next_push(store, data):
    push_dataset(store, data, "bottle")
    store.put_bytes(objects_of(store)[0], b"")
    push_dataset(store, data, "bottle")
    assert verify_dataset(store, "bottle", None) == []


@pytest.mark.parametrize("place", [manifest_key, files_key])
def test_damaged_records_are_never_read_as_good_and_are_mended_by_the_next_push(store, data, tmp_path, place):
    version = push_dataset(store, data, "bottle")
    key = place("bottle", version.digest)
    content = store.read_bytes(key)[0]
    store.put_bytes(key, content.replace(version.digest[:4].encode(), b"0000").replace(b"train", b"chain"))
    with pytest.raises(Damaged, match="in the store is damaged"):
        pull_dataset(store, "bottle", None, tmp_path / "copy")
    again = push_dataset(store, data, "bottle")
    assert pull_dataset(store, "bottle", None, tmp_path / "copy") == again


def test_a_list_of_files_of_another_version_is_refused(store, data, tmp_path):
    version = push_dataset(store, data, "bottle")
    listed = FileList((StoredFile("a.png", "0" * 64, 1),))
    store.put_bytes(files_key("bottle", version.digest), seal(listed, FileList))
    with pytest.raises(Damaged, match=f"its files have the digest {listed.digest()}"):
        pull_dataset(store, "bottle", None, tmp_path / "copy")


@pytest.mark.parametrize("name", ["../outside.png", "/tmp/outside.png"])
def test_a_list_that_leads_out_of_the_folder_is_refused(store, tmp_path, name):
    listed = FileList((StoredFile(name, "0" * 64, 1),))
    version = datasets.DatasetVersion("bottle", listed.digest(), 1, 1, "2026-11-24T00:00:00+00:00")
    store.put_bytes(files_key("bottle", version.digest), seal(listed, FileList))
    store.put_bytes(manifest_key("bottle", version.digest), seal(version, datasets.DatasetVersion))
    with pytest.raises(StoreError, match="no path inside a folder"):
        pull_dataset(store, "bottle", version.digest, tmp_path / "copy")


def test_a_version_without_its_manifest_is_none(store, data):
    version = push_dataset(store, data, "bottle")
    store.delete([manifest_key("bottle", version.digest)])
    assert list_datasets(store, "bottle") == []
    with pytest.raises(StoreError, match=f"no data set {version.digest} of line bottle"):
        verify_dataset(store, "bottle", version.digest)


def test_a_damaged_pointer_is_noticed_and_mended_by_the_next_push(store, data):
    version = push_dataset(store, data, "bottle")
    store.put_bytes(latest_key("bottle"), b"{}")
    with pytest.raises(Damaged):
        verify_dataset(store, "bottle", None)
    push_dataset(store, data, "bottle")
    assert verify_dataset(store, "bottle", None) == []
    assert json.loads(store.read_bytes(latest_key("bottle"))[0])["content"] == {"digest": version.digest}


def test_an_interrupted_pull_shows_nothing_and_goes_on_where_it_was(store, data, tmp_path, requests, monkeypatch):
    push_dataset(store, data, "bottle")
    read = store.get_file
    fetched = []

    def failing(key, path, sha256):
        if len(fetched) >= 5:
            raise StoreError("the cable was pulled")
        fetched.append(key)
        return read(key, path, sha256)

    monkeypatch.setattr(store, "get_file", failing)
    with pytest.raises(StoreError, match="cable"):
        pull_dataset(store, "bottle", None, tmp_path / "copy")
    assert [path.name for path in (tmp_path / "copy").iterdir()] == [".incoming"]
    monkeypatch.setattr(store, "get_file", read)
    requests.clear()
    pull_dataset(store, "bottle", None, tmp_path / "copy")
    there = len(set(fetched))
    assert len([request for request in requests if "/objects/" in request]) == FILES - there
    assert files_in(tmp_path / "copy") == files_in(data)


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


def test_ingest_finds_data_by_address(store, data, tmp_path, monkeypatch):
    for name, value in store.settings.to_environment().items():
        monkeypatch.setenv(name, value)
    version = push_dataset(store, data, "bottle")
    assert data_source.fetch("store://bottle", tmp_path / "a") == tmp_path / "a"
    data_source.fetch(f"store://bottle@{version.digest}", tmp_path / "b")
    assert digest_of(tmp_path / "a") == digest_of(tmp_path / "b") == version.digest


@pytest.mark.parametrize("uri", ["store://", "store:/bottle", "s3://bottle", "store://a@", "store://a/b", "bottle"])
def test_other_addresses_are_refused(uri, tmp_path):
    with pytest.raises(StoreError, match="expected store://LINE or store://LINE@DIGEST"):
        data_source.fetch(uri, tmp_path)


def noise(folder: Path, count: int, side: int) -> None:
    generator = np.random.default_rng(0)
    folder.mkdir()
    for index in range(count):
        Image.fromarray(generator.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(folder / f"{index:03d}.png")


def test_memory_does_not_grow_with_the_data(store, tmp_path):
    noise(tmp_path / "data", 160, 200)
    total = sum(path.stat().st_size for path in (tmp_path / "data").iterdir())
    push_dataset(store, tmp_path / "data", "warm-up")
    tracemalloc.start()
    push_dataset(store, tmp_path / "data", "bottle")
    pull_dataset(store, "bottle", None, tmp_path / "copy")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total > 18e6
    assert peak < 9e6


@pytest.mark.parametrize("restarts", [2])
def test_transfers_survive_a_server_that_is_killed_and_started_again(tmp_path, restarts):
    noise(tmp_path / "data", 150, 60)
    with EmbeddedStore(tmp_path / "server") as server:
        store = ObjectStore.connect(server.settings)
        done = threading.Event()
        killed: list[int] = []

        def disturb() -> None:
            for number in range(restarts):
                time.sleep(0.4)
                server.kill()
                killed.append(number)
                server.start()
            done.set()

        def keep_working(work) -> None:
            done.clear()
            thread = threading.Thread(target=disturb)
            thread.start()
            rounds = 0
            while rounds == 0 or not done.is_set():
                work(rounds)
                rounds += 1
            thread.join()

        keep_working(lambda number: push_dataset(store, tmp_path / "data", f"line-{number}"))
        assert list_lines(store)
        for line in list_lines(store):
            assert verify_dataset(store, line, None) == []
            assert list_datasets(store, line)[0].digest == digest_of(tmp_path / "data")
        keep_working(lambda number: pull_dataset(store, "line-0", None, tmp_path / f"copy-{number}"))
        assert len(killed) == 2 * restarts
        assert files_in(tmp_path / "copy-0") == files_in(tmp_path / "data")


def test_two_that_push_the_same_data_at_once_make_one_version(store, data):
    versions = []
    threads = [
        threading.Thread(target=lambda: versions.append(push_dataset(replace_prefix(store), data, "bottle")))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [version.digest for version in versions] == [digest_of(data)] * 4
    assert len(list_datasets(store, "bottle")) == 1
    assert verify_dataset(store, "bottle", None) == []


def replace_prefix(store: ObjectStore) -> ObjectStore:
    """A second client of the same store."""
    return ObjectStore.connect(replace(store.settings))
