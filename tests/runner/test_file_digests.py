import hashlib
import os
import shutil

import pytest

from csad.common.errors import StageError
from csad.runner import file_digests
from csad.runner.file_digests import FileDigests


@pytest.fixture
def weights(tmp_path):
    (tmp_path / "weights.pth").write_bytes(b"old")
    return tmp_path / "weights.pth"


@pytest.fixture
def digests(tmp_path):
    return FileDigests(tmp_path / "stages" / "weights.json")


@pytest.fixture
def read(monkeypatch):
    """Names of the files that were read whole."""
    names, digest = [], file_digests.file_sha256
    monkeypatch.setattr(file_digests, "file_sha256", lambda file: names.append(file.name) or digest(file))
    return names


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def test_a_file_that_stays_is_read_once_even_by_another_run(weights, digests, read, tmp_path):
    again = FileDigests(tmp_path / "stages" / "weights.json")

    assert digests.of(weights) == again.of(weights) == sha256(b"old")
    assert read == ["weights.pth"]


def test_each_file_has_its_own_digest(weights, digests, read, tmp_path):
    (tmp_path / "other.pth").write_bytes(b"new")

    for _ in range(2):
        assert [digests.of(weights), digests.of(tmp_path / "other.pth")] == [sha256(b"old"), sha256(b"new")]
    assert read == ["weights.pth", "other.pth"]


def test_a_file_of_the_same_size_is_read_again(weights, digests):
    digests.of(weights)
    weights.write_bytes(b"new")
    os.utime(weights, (1, 1))

    assert digests.of(weights) == sha256(b"new")


def test_a_file_that_was_swapped_with_its_time_kept_is_read_again(weights, digests, tmp_path):
    digests.of(weights)
    (tmp_path / "swapped").write_bytes(b"new")
    shutil.copystat(weights, tmp_path / "swapped")
    (tmp_path / "swapped").replace(weights)

    assert digests.of(weights) == sha256(b"new")


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff"])
def test_a_damaged_memory_only_costs_time(weights, digests, read, tmp_path, content):
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "weights.json").write_bytes(content)

    assert digests.of(weights) == digests.of(weights) == sha256(b"old")
    assert read == ["weights.pth"]


def test_a_memory_that_cannot_be_written_is_named(weights, tmp_path):
    with pytest.raises(StageError, match=r"weights\.pth.*choose another place"):
        FileDigests(weights / "weights.json").of(weights)
