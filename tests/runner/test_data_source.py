"""`ingest` from a real store."""

import pytest

from csad.common.errors import StoreError
from csad.runner.data_source import resolve_uri
from csad.runner.task import STORE_VARIABLE, run_task
from csad.stages import ingest
from csad.store.objects import ObjectStore
from csad.store.push import push_dataset


@pytest.fixture
def store(named_store, tiny_line_data):
    return push_dataset(ObjectStore.connect(named_store), tiny_line_data, "tiny")


def test_what_was_pushed_last_is_ingested_as_the_folder_would_be(
    tiny_line, tiny_line_data, store, tmp_path, monkeypatch
):
    monkeypatch.delenv(STORE_VARIABLE, raising=False)
    done = run_task(ingest.STAGE, tiny_line.to_yaml(), 0, str(tmp_path / "images"), data="store://tiny")

    folder = ingest.run(tiny_line, tiny_line_data, tmp_path / "directly")
    assert (done.summary.digest, done.summary.training_digest) == (folder.digest, folder.training_digest)
    assert done.summary.digest == store.digest


def test_a_version_is_fetched_and_gone_afterwards(store):
    with resolve_uri(f"store://tiny@{store.digest}") as folder:
        assert len(list(folder.glob("train/good/*.png"))) == 10
    assert not folder.exists()


def test_a_local_run_keeps_a_version_for_the_next(store, tmp_path):
    address = f"store://tiny@{store.digest}"
    with resolve_uri(address, tmp_path) as folder:
        before = {file: file.stat().st_mtime_ns for file in folder.rglob("*.png")}
    with resolve_uri(address, tmp_path) as again:
        assert again == folder
        assert {file: file.stat().st_mtime_ns for file in again.rglob("*.png")} == before


def test_without_a_store_the_message_says_what_to_set(monkeypatch):
    monkeypatch.delenv("CSAD_STORE_ENDPOINT", raising=False)
    with pytest.raises(StoreError, match="CSAD_STORE_ENDPOINT"), resolve_uri("store://tiny"):
        raise AssertionError("opened")


def test_an_unknown_line_is_named(store):
    with pytest.raises(StoreError, match="no data set of line nobody"), resolve_uri("store://nobody"):
        raise AssertionError("opened")
