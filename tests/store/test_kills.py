"""Processes that are killed at random moments of pushing, registering and promoting."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from csad.config.line import ProductLine
from csad.images import inspect
from csad.store.champion import read_champion
from csad.store.datasets import list_datasets, pull_dataset, verify_dataset
from csad.store.objects import ObjectStore
from csad.store.registry import fetch_file, fetch_model, list_models
from csad.store.snapshots import latest_digest
from tests.store.interrupted_work import LINE

ROOT = Path(__file__).parents[2]
VARIANTS = 4
LONGEST_LIFE = 0.5


@pytest.fixture
def material(tmp_path: Path) -> Path:
    """Data sets that share some images, and models, one of which is larger than a part."""
    generator = np.random.default_rng(0)
    images = [Image.fromarray(generator.integers(0, 256, (48, 48, 3), dtype=np.uint8)) for _ in range(30)]
    for variant in range(VARIANTS):
        folder = tmp_path / "data" / str(variant)
        folder.mkdir(parents=True)
        for index in range(5 * variant, 5 * variant + 15):
            images[index].save(folder / f"{index}.png")
        model = tmp_path / "models" / str(variant)
        model.mkdir(parents=True)
        (model / "model.json").write_text(f'{{"variant": {variant}}}')
        size = 11_000_000 if variant == 0 else 200_000
        (model / "backbone.safetensors").write_bytes(generator.bytes(size))
    return tmp_path


class Workers:
    """Children of one process that has everything imported."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def kill_one(self, seed: int, after: float) -> int:
        """Let a child work for some seconds, kill it, return its exit code: -9 if the kill found it alive."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{seed}\n")
        self._process.stdin.flush()
        child = int(self._process.stdout.readline())
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
        return int(self._process.stdout.readline())


@contextmanager
def workers(material: Path, store: ObjectStore) -> Iterator[Workers]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.store.interrupted_work", str(material)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **store.settings.to_environment()},
    )
    try:
        yield Workers(process)
    finally:
        process.communicate(timeout=30)


class Witness:
    """Looks at the store after each kill; what was seen to be right is content-addressed or immutable: seen once."""

    def __init__(self, store: ObjectStore, folder: Path) -> None:
        """`halves` counts registrations that a kill was seen to have cut short."""
        self._store, self._folder = store, folder
        self._objects: set[str] = set()
        self._models: dict[str, object] = {}
        self.halves = 0

    def require_nothing_half(self) -> None:
        self._require_right_objects()
        digests = {version.digest for version in list_datasets(self._store, LINE)}
        latest = latest_digest(self._store, LINE)
        assert latest is None or latest in digests
        models = {model.version: model for model in list_models(self._store, LINE)}
        for version, model in models.items():
            if self._models.setdefault(version, model) is model:
                fetch_model(self._store, LINE, version, self._folder / version)
                fetch_file(self._store, LINE, version, "bento.tar.gz", self._folder / version / "bento")
            assert self._models[version] == model
        assert self._models.keys() == models.keys()
        self.halves += len(set(self._store.list_folders(f"models/{LINE}/")) - models.keys())
        champion = read_champion(self._store, LINE)
        if champion is not None:
            assert {champion.version, *champion.previous} <= models.keys()

    def require_all_right(self) -> None:
        """Read everything once more, as a user would."""
        versions = list_datasets(self._store, LINE)
        for version in versions:
            assert verify_dataset(self._store, LINE, version.digest) == []
            copy = self._folder / version.digest
            pull_dataset(self._store, LINE, version.digest, copy)
            assert inspect(copy, ProductLine(name=LINE)).images.digest == version.digest
        assert versions
        assert self._models
        assert read_champion(self._store, LINE) is not None

    def _require_right_objects(self) -> None:
        for key in self._store.list(f"datasets/{LINE}/objects/"):
            if key not in self._objects:
                assert hashlib.sha256(self._store.read_bytes(key)[0]).hexdigest() == key.rpartition("/")[2]
                self._objects.add(key)


def kill_many(store: ObjectStore, material: Path, kills: int) -> None:
    chance = random.Random(kills)
    witness = Witness(store, material / "seen")
    with workers(material, store) as children:
        for number in range(kills):
            assert children.kill_one(number, chance.uniform(0, LONGEST_LIFE)) == -signal.SIGKILL
            witness.require_nothing_half()
    witness.require_all_right()
    assert witness.halves > 0 or kills < 100


def test_20_kills_leave_nothing_half(store, material):
    kill_many(store, material, 20)


@pytest.mark.slow
def test_200_kills_leave_nothing_half(store, material):
    kill_many(store, material, 200)
