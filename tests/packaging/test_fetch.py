"""The init container against a real store."""

import gzip
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from csad.common.errors import StoreError
from csad.packaging.fetch import BENTO_FILE, WantedBento, WrongBento, fetch
from csad.packaging.fetch_archive import UnsafeArchive
from csad.store.objects import ObjectStore
from csad.store.registry import ModelLabels, register_model
from csad.store.settings import StoreSettings


@pytest.fixture
def store(own_store: StoreSettings) -> ObjectStore:
    return ObjectStore.connect(own_store)


def tar_gz(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), mtime=0)


def registered(store: ObjectStore, folder: Path, line: str, packed: bytes) -> WantedBento:
    model = folder / "model"
    model.mkdir(exist_ok=True)
    (model / "model.json").write_text(json.dumps({"line": line}))
    (folder / BENTO_FILE).write_bytes(packed)
    labels = ModelLabels(line, "", "", "", 0, {})
    version = register_model(store, model, labels, {BENTO_FILE: folder / BENTO_FILE})
    return WantedBento(line, version.version, version.files[BENTO_FILE].sha256)


GOOD = {"bento.yaml": b"service: x\n", "src/model/model.json": b"{}"}


@pytest.mark.parametrize("top", ["", "csad_scorer-1/"])
def test_a_bento_is_put_in_place(top: str, store: ObjectStore, tmp_path: Path):
    wanted = registered(
        store, tmp_path, f"good-{len(top)}", tar_gz({f"{top}{name}": data for name, data in GOOD.items()})
    )
    place = fetch(store, wanted, tmp_path / "volume")
    assert {
        path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*") if path.is_file()
    } == GOOD
    assert sorted(path.name for path in (tmp_path / "volume").iterdir()) == ["current", "sha256"]


def test_what_is_in_place_is_kept_and_what_is_half_done_is_not(store: ObjectStore, tmp_path: Path):
    wanted = registered(store, tmp_path, "kept", tar_gz(GOOD))
    place = fetch(store, wanted, tmp_path / "volume")
    (place / "mark").touch()
    assert (fetch(store, wanted, tmp_path / "volume") / "mark").exists()
    (tmp_path / "volume" / "sha256").unlink()
    assert not (fetch(store, wanted, tmp_path / "volume") / "mark").exists()


def test_another_digest_than_the_deployers_is_refused(store: ObjectStore, tmp_path: Path):
    wanted = registered(store, tmp_path, "digest", tar_gz(GOOD))
    with pytest.raises(WrongBento, match=rf"has sha256 {wanted.sha256}, expected {'0' * 64}"):
        fetch(store, WantedBento("digest", wanted.version, "0" * 64), tmp_path / "volume")
    assert not (tmp_path / "volume" / "current").exists()


def test_a_changed_object_is_refused(store: ObjectStore, tmp_path: Path):
    wanted = registered(store, tmp_path, "changed", tar_gz(GOOD))
    store.put_bytes(f"models/changed/{wanted.version}/{BENTO_FILE}", tar_gz({"bento.yaml": b"service: evil\n"}))
    with pytest.raises(StoreError, match=f"expected {wanted.sha256}"):
        fetch(store, wanted, tmp_path / "volume")
    assert not (tmp_path / "volume" / "current").exists()


def test_an_archive_without_a_bento_is_refused(store: ObjectStore, tmp_path: Path):
    wanted = registered(store, tmp_path, "nobento", tar_gz({"readme": b"", "src/x": b""}))
    with pytest.raises(WrongBento, match=r"holds readme, src; expected bento.yaml"):
        fetch(store, wanted, tmp_path / "volume")


def test_a_damaged_archive_is_refused(store: ObjectStore, tmp_path: Path):
    wanted = registered(store, tmp_path, "damaged", tar_gz(GOOD)[:-9])
    with pytest.raises(UnsafeArchive, match="is damaged"):
        fetch(store, wanted, tmp_path / "volume")


def run(environment: dict[str, str], wanted: WantedBento, folder: Path) -> tuple[int, str]:
    arguments = ["--line", wanted.line, "--version", wanted.version, "--sha256", wanted.sha256, "--folder", str(folder)]
    command = [sys.executable, "-m", "csad.packaging.fetch", *arguments]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr.strip().splitlines()[-1]


def test_the_exit_code_says_whether_to_try_again(store: ObjectStore, tmp_path: Path):
    wanted = registered(store, tmp_path, "codes", tar_gz(GOOD))
    variables = store.settings.to_environment()
    code, said = run(variables, wanted, tmp_path / "good")
    assert (code, said) == (0, f"version {wanted.version} of line codes is in {tmp_path / 'good' / 'current'}")
    code, said = run(variables, WantedBento("codes", wanted.version, "f" * 64), tmp_path / "other")
    assert code == 3
    assert "the store was changed" in said
    code, said = run(variables | {"AWS_SECRET_ACCESS_KEY": "wrong"}, wanted, tmp_path / "keys")
    assert code == 1
    assert "AWS_SECRET_ACCESS_KEY" in said
