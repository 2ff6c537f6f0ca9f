"""What is damaged in the store is named, never used, and mended by the next push."""

import json
from pathlib import Path

import pytest

from csad.common.errors import StoreError
from csad.store import datasets
from csad.store.datasets import list_datasets, pull_dataset, remove_damaged, verify_dataset
from csad.store.failures import Damaged
from csad.store.objects import ObjectStore
from csad.store.push import push_dataset
from csad.store.sealed import seal
from csad.store.snapshots import FileList, StoredFile, files_key, latest_key, manifest_key, object_key
from tests.store.dataset_files import objects_of


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
