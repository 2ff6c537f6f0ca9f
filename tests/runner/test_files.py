import shutil

import pytest
from safetensors import SafetensorError
from safetensors.numpy import load_file

from csad.common import file_copy
from csad.common.errors import StageError
from csad.runner.files import content_digest, copy_file, replace_folder, translate_os_errors


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "folder/deep").mkdir(parents=True)
    (tmp_path / "folder/a.txt").write_text("a")
    (tmp_path / "folder/deep/b.txt").write_text("b")
    return tmp_path / "folder"


def test_the_digest_sees_names_and_contents_but_not_hidden_files(folder):
    before = content_digest(folder)
    (folder / ".hidden").write_text("x")
    assert content_digest(folder) == before
    (folder / "a.txt").rename(folder / "c.txt")
    renamed = content_digest(folder)
    (folder / "c.txt").write_text("changed")
    assert len({before, renamed, content_digest(folder)}) == 3


def test_the_digest_follows_links_and_ends_in_a_circle_of_them(tmp_path, folder):
    (tmp_path / "linked").symlink_to(folder)
    (tmp_path / "whole").mkdir()
    (tmp_path / "whole/data").symlink_to(folder)
    before = content_digest(tmp_path / "whole")
    (folder / "a.txt").write_text("changed")
    assert content_digest(tmp_path / "whole") != before
    (folder / "deep/circle").symlink_to(folder)
    assert content_digest(folder)


def test_a_folder_takes_the_place_of_another(tmp_path, folder):
    (tmp_path / "target").mkdir()
    (tmp_path / "target/old.txt").write_text("old")

    replace_folder(folder, tmp_path / "target")

    assert sorted(str(file.relative_to(tmp_path)) for file in (tmp_path / "target").rglob("*.txt")) == [
        "target/a.txt",
        "target/deep/b.txt",
    ]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["folder", "target"]


def test_a_change_of_the_published_files_leaves_the_source_whole(tmp_path, folder):
    replace_folder(folder, tmp_path / "target")
    (tmp_path / "target/a.txt").write_text("changed in place")

    assert (folder / "a.txt").read_text() == "a"


def test_a_copy_replaces_a_link_and_does_not_write_through_it(tmp_path, folder):
    (tmp_path / "linked.txt").hardlink_to(folder / "a.txt")
    copy_file(folder / "deep/b.txt", tmp_path / "linked.txt")

    assert (tmp_path / "linked.txt").read_text() == "b"
    assert (folder / "a.txt").read_text() == "a"


def test_a_failed_replacement_leaves_the_old_folder(tmp_path, folder, monkeypatch):
    (tmp_path / "target").mkdir()
    (tmp_path / "target/old.txt").write_text("old")

    def full(source, target):
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(file_copy, "reflink", lambda source, target: False)
    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(OSError, match="No space left"):
        replace_folder(folder, tmp_path / "target")

    assert (tmp_path / "target/old.txt").read_text() == "old"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["folder", "target"]


def test_an_error_that_is_no_disk_failure_stays_what_it_is(tmp_path):
    with pytest.raises(FileNotFoundError), translate_os_errors(tmp_path):
        (tmp_path / "missing").read_text()


def test_a_disk_failure_names_the_file(tmp_path):
    with pytest.raises(StageError, match=r"cannot write model\.bin: the disk is full"), translate_os_errors(tmp_path):
        raise OSError(28, "No space left on device", "model.bin")


def test_a_full_disk_is_told_from_damage_in_a_tensor_file_too(tmp_path):
    with pytest.raises(StageError, match=r"the disk is full"), translate_os_errors(tmp_path):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
    (tmp_path / "damaged.safetensors").write_bytes(b"damaged")
    with pytest.raises(SafetensorError), translate_os_errors(tmp_path):
        load_file(tmp_path / "damaged.safetensors")


def test_a_failed_copy_names_what_could_not_be_written(tmp_path):
    with pytest.raises(StageError, match=r"cannot write target\.png"), translate_os_errors(tmp_path):
        raise OSError(28, "No space left on device", "source.png", None, "target.png")
