import os
import time

import pytest

from csad.batch.listed import ListedImage
from csad.batch.sources import Sources, is_still, source_of
from csad.common import file_stamp
from csad.common.errors import DatasetError, StoreError
from tests.batch.conftest import draw


@pytest.fixture
def sources(own_store):
    return Sources(own_store)


def names(listing):
    return [image.shown.rpartition("/")[2] for image in listing.images]


def test_a_folder_is_listed_with_its_subfolders_and_counts_what_is_no_image(sources, tmp_path):
    draw(tmp_path / "b.png", 1)
    draw(tmp_path / "day/a.png", 2)
    (tmp_path / "notes.txt").touch()

    found = sources.list(str(tmp_path))

    assert names(found) == ["b.png", "a.png"]
    assert found.source == str(tmp_path)
    assert dict(found.ignored) == {".txt": 1}


def test_a_prefix_is_a_folder_and_no_beginning_of_other_names(sources, store, address):
    for key in ("in/b.png", "in/sub/a.JPG", "in/.hidden.png", "in/readme.md", "in/ground_truth/0.png", "in2/x.png"):
        store.put_bytes(key, b"x")

    found = sources.list(address("in"))

    assert names(found) == ["b.png", "a.JPG"]
    assert found.source == address("in/")
    assert dict(found.ignored) == {".md": 1, "subfolder ground_truth/": 1}
    assert found.images[0].bytes == 1


def test_the_mark_of_an_object_changes_with_its_bytes_and_is_that_of_reading_it(sources, store, address):
    store.put_bytes("in/a.png", b"one")
    (before,) = sources.list(address("in/")).images
    content, mark = sources.read(before.name)
    assert (content, is_still(before, mark, content)) == (b"one", True)

    store.put_bytes("in/a.png", b"two")
    content, mark = sources.read(before.name)
    assert (content, is_still(before, mark, content)) == (b"two", False)
    assert sources.list(address("in/")).images[0].mark != before.mark


@pytest.mark.parametrize("settled", [0, 2**62], ids=["a stamp that tells", "a stamp that is too new to tell"])
def test_the_mark_of_a_file_changes_with_its_bytes(sources, tmp_path, monkeypatch, settled):
    monkeypatch.setattr(file_stamp, "SETTLED", settled)
    (tmp_path / "a.png").write_bytes(b"one")
    (before,) = sources.list(str(tmp_path)).images
    assert before.mark.startswith("file:" if settled == 0 else "sha256:")
    content, mark = sources.read(before.name)
    assert is_still(before, mark, content)

    time.sleep(0.02)
    (tmp_path / "a.png").write_bytes(b"two")
    content, mark = sources.read(before.name)
    assert not is_still(before, mark, content)


def test_a_file_that_has_settled_since_it_was_listed_is_the_same(sources, tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(b"one")
    (listed,) = sources.list(str(tmp_path)).images
    monkeypatch.setattr(file_stamp, "SETTLED", 0)
    content, mark = sources.read(listed.name)
    assert listed.mark.startswith("sha256:")
    assert mark.startswith("file:")
    assert is_still(listed, mark, content)


def test_a_list_names_files_beside_it_and_addresses_once_each(sources, store, address, tmp_path):
    draw(tmp_path / "a.png", 1)
    store.put_bytes("in/b.png", b"x")
    lines = ["a.png", "", f"  {address('in/b.png')}  ", "sub/../a.png", "gone.png", "a.png"]
    (tmp_path / "list.txt").write_text("\n".join(lines))

    found = sources.list(str(tmp_path / "list.txt"))

    assert [image.name for image in found.images] == [
        str(tmp_path / "a.png"),
        str(tmp_path / "gone.png"),
        address("in/b.png"),
    ]
    assert (found.duplicates, found.missing) == (2, 1)
    assert found.images[1] == ListedImage(str(tmp_path / "gone.png"), "missing", None, None)


def test_a_list_in_a_bucket_names_addresses_alone(sources, store, address):
    store.put_bytes("in/a.png", b"x")
    store.put_bytes("list.txt", f"{address('in/a.png')}\n".encode())
    assert [image.name for image in sources.list(address("list.txt")).images] == [address("in/a.png")]

    store.put_bytes("list.txt", b"/mnt/a.png\n")
    with pytest.raises(DatasetError, match=r"line 1: /mnt/a\.png is a path, which the pods of a run do not see"):
        sources.list(address("list.txt"))


def test_one_image_is_a_batch_too(sources, tmp_path):
    draw(tmp_path / "a.png", 1)
    assert names(sources.list(str(tmp_path / "a.png"))) == ["a.png"]


@pytest.mark.parametrize("content", ["", "\n \n"], ids=["no line", "blank lines"])
def test_an_empty_list_is_an_error(sources, tmp_path, content):
    (tmp_path / "list.txt").write_text(content)
    with pytest.raises(DatasetError, match=r"no images in .*list\.txt"):
        sources.list(str(tmp_path / "list.txt"))


def test_an_empty_folder_or_prefix_is_an_error_that_says_what_else_is_there(sources, store, address, tmp_path):
    (tmp_path / "a.gif").touch()
    with pytest.raises(DatasetError, match=r"no images in .* \(1 file ignored: \.gif 1\); expected names with one of"):
        sources.list(str(tmp_path))
    with pytest.raises(DatasetError, match="no images in s3://"):
        sources.list(address("nothing/"))


def test_what_is_no_list_is_an_error(sources, tmp_path):
    (tmp_path / "model.bin").write_bytes(b"\x00\xff")
    with pytest.raises(DatasetError, match=r"model\.bin is no list of images: it is no UTF-8 text"):
        sources.list(str(tmp_path / "model.bin"))
    with pytest.raises(DatasetError, match="does not exist; expected a folder"):
        sources.list(str(tmp_path / "gone"))


def test_a_bucket_that_is_not_there_is_named_and_not_made(sources):
    for _ in range(2):
        with pytest.raises(StoreError, match="there is no bucket nobodys"):
            sources.list("s3://nobodys/in/")


@pytest.mark.parametrize("wrong", ["s3://", "s3:///key", "s3://Upper/key"])
def test_what_is_no_address_is_refused(sources, wrong):
    with pytest.raises(StoreError, match="is no address in a store"):
        sources.list(wrong)


def test_an_object_that_is_gone_has_no_bytes(sources, address):
    assert sources.read(address("in/gone.png")) == (None, "missing")


def test_names_of_any_bytes_come_through(sources, tmp_path):
    try:
        draw(tmp_path / os.fsdecode(b"gr\xf6\xdfe.png"), 1)
    except OSError:
        pytest.skip("this file system has no such names")
    (found,) = sources.list(str(tmp_path)).images
    assert ListedImage.from_line(found.to_line()) == found
    assert found.shown.endswith("gr\\xf6\\xdfe.png")
    assert sources.read(found.name)[0]


def test_a_source_has_one_name_however_it_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert source_of("in") == source_of(str(tmp_path / "in")) == str(tmp_path / "in")
    assert source_of("s3://camera/in") == source_of("s3://camera/in/") == "s3://camera/in/"
    assert source_of("s3://camera") == "s3://camera/"
    assert source_of("s3://camera/list.txt") == "s3://camera/list.txt"
