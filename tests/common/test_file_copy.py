import fcntl

import pytest

from csad.common import file_copy
from csad.common.file_copy import FICLONE, copy_bytes


def refuse(new, request, old):
    raise OSError(95, "Operation not supported")


def clone(new, request, old):
    """Do what the file system does, by other means."""
    assert request == FICLONE == 0x40049409
    with open(old, "rb", closefd=False) as stream:
        new.write(stream.read())


@pytest.mark.parametrize("ioctl", [refuse, clone])
def test_who_writes_to_a_copy_or_to_its_source_leaves_the_other(tmp_path, monkeypatch, ioctl):
    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    (tmp_path / "a").write_bytes(b"first")
    copy_bytes(tmp_path / "a", tmp_path / "b")
    with (tmp_path / "a").open("r+b") as stream:
        stream.write(b"other")

    assert (tmp_path / "b").read_bytes() == b"first"
    assert not (tmp_path / "a").samefile(tmp_path / "b")


@pytest.mark.parametrize("ioctl", [refuse, clone])
def test_a_copy_takes_the_place_of_a_link_and_does_not_write_through_it(tmp_path, monkeypatch, ioctl):
    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    for name in ("a", "mine"):
        (tmp_path / name).write_text(name)
    (tmp_path / "b").symlink_to(tmp_path / "mine")
    copy_bytes(tmp_path / "a", tmp_path / "b")

    assert (tmp_path / "b").read_text() == "a"
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_clone_needs_no_second_reading_of_the_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "ioctl", clone)
    monkeypatch.setattr(file_copy.shutil, "copyfile", None)
    (tmp_path / "a").write_text("a")
    copy_bytes(tmp_path / "a", tmp_path / "b")

    assert (tmp_path / "b").read_text() == "a"
