"""Data sets named by an address."""

import pytest

from csad.common.errors import StoreError
from csad.store import data_source
from csad.store.push import push_dataset
from tests.store.dataset_files import digest_of


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
