"""Folders as one packed file."""

import io
import os
import tarfile

import pytest

from csad.common.errors import StageError
from csad.runner.packed import pack_folder, unpack, unpacked


@pytest.fixture
def folder(tmp_path):
    found = tmp_path / "folder"
    (found / "rules").mkdir(parents=True)
    (found / "b.json").write_text("two")
    (found / "rules/ä b.json").write_text("three")
    (found / ".hidden").write_text("no")
    return found


def test_a_packed_folder_comes_back_without_its_hidden_files(folder, tmp_path):
    pack_folder(folder, tmp_path / "new/packed")
    unpack(tmp_path / "new/packed", tmp_path / "back")
    found = {
        path.relative_to(tmp_path / "back").as_posix(): path.read_text()
        for path in (tmp_path / "back").rglob("*")
        if path.is_file()
    }
    assert found == {"b.json": "two", "rules/ä b.json": "three"}


def test_equal_content_gives_equal_bytes_whenever_it_was_written(folder, tmp_path):
    pack_folder(folder, tmp_path / "first")
    os.utime(folder / "b.json", (1, 1))
    (folder / "b.json").chmod(0o600)
    pack_folder(folder, tmp_path / "second")
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_a_folder_is_used_as_it_is_and_a_packed_one_is_gone_afterwards(folder, tmp_path):
    with unpacked(folder) as same:
        assert same == folder
    pack_folder(folder, tmp_path / "packed")
    with unpacked(tmp_path / "packed") as other:
        assert (other / "b.json").read_text() == "two"
    assert not other.exists()


def test_what_wants_to_write_elsewhere_and_what_is_damaged_is_refused(tmp_path):
    with tarfile.open(tmp_path / "evil", "w") as archive:
        entry = tarfile.TarInfo("../outside")
        entry.size = 2
        archive.addfile(entry, io.BytesIO(b"hi"))
    with pytest.raises(StageError, match="run the stage that wrote it again"):
        unpack(tmp_path / "evil", tmp_path / "in")
    assert not (tmp_path / "outside").exists()
    (tmp_path / "damaged").write_bytes(b"no archive at all")
    with pytest.raises(StageError, match="no packed folder"):
        unpack(tmp_path / "damaged", tmp_path / "in")
