"""What an archive may hold, and what it may not do."""

import contextlib
import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csad.packaging.fetch_archive import Limits, UnsafeArchive, extract

SMALL = Limits(files=5, bytes=20_000)


def entry(
    name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(content)
    return info, content


def packed(path: Path, *entries: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for info, content in entries:
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "inside").mkdir()
    return tmp_path / "inside"


def test_files_and_folders_are_unpacked(tmp_path: Path, folder: Path):
    program = entry("a/run", b"text")
    program[0].mode = 0o6777
    extract(packed(tmp_path / "a.tgz", entry("a", kind=tarfile.DIRTYPE), program, entry("a/b/c", b"deep")), folder)
    assert (folder / "a/run").read_bytes() == b"text"
    assert (folder / "a/b/c").read_bytes() == b"deep"
    assert not (folder / "a/run").stat().st_mode & 0o7111


REFUSED = {
    "a parent": (entry("../out", b"x"), "inside the archive"),
    "a parent in the middle": (entry("a/../../out", b"x"), "inside the archive"),
    "an absolute path": (entry("/etc/out", b"x"), "inside the archive"),
    "a backslash": (entry("..\\out", b"x"), "inside the archive"),
    "a symbolic link": (entry("a", kind=tarfile.SYMTYPE, link="/etc/passwd"), "link"),
    "a hard link": (entry("a", kind=tarfile.LNKTYPE, link="/etc/passwd"), "link"),
    "a pipe": (entry("a", kind=tarfile.FIFOTYPE), "special file"),
    "a device": (entry("a", kind=tarfile.CHRTYPE), "special file"),
    "too many bytes": (entry("a", bytes(30_000)), "more than 20000 bytes"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_wants_more_is_refused(case: str, tmp_path: Path, folder: Path):
    bad, words = REFUSED[case]
    with pytest.raises(UnsafeArchive, match=words):
        extract(packed(tmp_path / "a.tgz", bad), folder, SMALL)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tgz", "inside"]


def test_too_many_files_are_refused(tmp_path: Path, folder: Path):
    with pytest.raises(UnsafeArchive, match="more than 5 files"):
        extract(packed(tmp_path / "a.tgz", *(entry(str(index)) for index in range(6))), folder, SMALL)


def test_a_file_twice_is_refused(tmp_path: Path, folder: Path):
    with pytest.raises(UnsafeArchive, match="twice"):
        extract(packed(tmp_path / "a.tgz", entry("a", b"1"), entry("./a", b"2")), folder)


def test_a_file_that_is_also_a_folder_is_refused(tmp_path: Path, folder: Path):
    with pytest.raises(UnsafeArchive, match="as a file and as a folder"):
        extract(packed(tmp_path / "a.tgz", entry("a", b"1"), entry("a/b", b"2")), folder)


def test_a_bomb_stops_at_the_limit(tmp_path: Path, folder: Path):
    bomb = tmp_path / "bomb.tgz"
    bomb.write_bytes(gzip.compress(bytes(50_000_000)))
    with pytest.raises(UnsafeArchive, match=r"more than 20000 bytes|empty"):
        extract(bomb, folder, SMALL)


def test_an_empty_archive_is_refused(tmp_path: Path, folder: Path):
    with pytest.raises(UnsafeArchive, match="empty"):
        extract(packed(tmp_path / "a.tgz"), folder)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "no gzip"])
def test_a_damaged_archive_is_refused(damage: str, tmp_path: Path, folder: Path):
    path = packed(tmp_path / "a.tgz", entry("a", os.urandom(10_000)), entry("b", os.urandom(10_000)))
    data = path.read_bytes()
    damaged = {
        "truncated": data[:-20],
        "flipped": data[:-6] + bytes([data[-6] ^ 1]) + data[-5:],
        "no gzip": b"PK" + data,
    }
    path.write_bytes(damaged[damage])
    with pytest.raises(UnsafeArchive, match="damaged"):
        extract(path, folder)


@given(st.text(max_size=40), st.sampled_from([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE]))
def test_nothing_is_ever_written_outside(tmp_path_factory: pytest.TempPathFactory, name: str, kind: bytes):
    root = tmp_path_factory.mktemp("outside")
    folder = root / "inside"
    folder.mkdir()
    path = packed(root / "a.tgz", entry(name, kind=kind, link="../../target"))
    with contextlib.suppress(UnsafeArchive):
        extract(path, folder)
    assert sorted(found.name for found in root.iterdir()) == ["a.tgz", "inside"]
    assert not [found for found in folder.rglob("*") if found.is_symlink()]
