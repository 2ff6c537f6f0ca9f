import os
import shutil

import pytest

from csad.common.file_stamp import SETTLED, FileStamp, SeenFile


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    os.utime(path, ns=(1, 1))
    return path


def test_a_file_edited_in_place_has_another_stamp_although_size_and_time_are_put_back(file):
    before, seen = FileStamp.of(file), SeenFile.of(file)
    while FileStamp.of(file).changed == before.changed:  # until the file system's clock has moved on
        file.write_bytes(b"new")
        os.utime(file, ns=(1, 1))

    after = FileStamp.of(file)
    assert (
        (after.size, after.modified, after.inode) == (before.size, before.modified, before.inode) == (3, 1, after.inode)
    )
    assert not seen.is_still(file)


def test_a_copy_with_the_same_bytes_is_still_the_file_and_one_with_others_is_not(file, tmp_path):
    seen = SeenFile.of(file)
    shutil.copy2(file, tmp_path / "copy.bin")
    assert FileStamp.of(tmp_path / "copy.bin") != seen.stamp
    assert seen.is_still(tmp_path / "copy.bin")
    (tmp_path / "copy.bin").write_bytes(b"new")
    assert not seen.is_still(tmp_path / "copy.bin")


def test_a_file_that_is_not_there_has_no_stamp(tmp_path):
    assert FileStamp.find(tmp_path / "gone") is None


def test_a_stamp_settles_two_seconds_after_the_later_of_its_times():
    stamp = FileStamp(size=3, inode=1, modified=500, changed=1000)
    assert SETTLED == 2 * 10**9
    assert not stamp.is_settled(1000 + SETTLED - 1)
    assert stamp.is_settled(1000 + SETTLED)
    assert not FileStamp(3, 1, 5000, 1000).is_settled(1000 + SETTLED)
