"""Transfers that are interrupted, that meet each other, or that are large."""

import threading
import time
import tracemalloc
from dataclasses import replace

import pytest

from csad.common.errors import StoreError
from csad.store.datasets import list_datasets, list_lines, pull_dataset, verify_dataset
from csad.store.embedded import EmbeddedStore
from csad.store.objects import ObjectStore
from csad.store.push import push_dataset
from tests.store.dataset_files import FILES, digest_of, files_in, noise, objects_of, objects_sent


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


def test_memory_does_not_grow_with_the_data(store, tmp_path):
    noise(tmp_path / "data", 160, 200)
    total = sum(path.stat().st_size for path in (tmp_path / "data").iterdir())
    noise(tmp_path / "few", 8, 20)
    push_dataset(store, tmp_path / "few", "warm-up")
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
