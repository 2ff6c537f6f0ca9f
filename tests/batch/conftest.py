from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from csad.batch import shard
from csad.batch.plan import Model, put_plan
from csad.batch.sources import Sources
from csad.runner.shard import Shard
from csad.store.objects import ObjectStore
from tests.cli.stub_scorer import StubScorer

MODEL = Model("20261124T101500Z-0123abcd", "abc", "def")
"""What the plans of these tests name; the checksum is that of the stub."""


def draw(path, red):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 4), (red, 0, 0)).save(path)


@pytest.fixture
def store(own_store):
    return ObjectStore.connect(own_store)


@pytest.fixture
def address(own_store):
    """Turns a key of the empty store into an address."""
    return lambda key: f"s3://{own_store.bucket}/{own_store.prefix}{key}"


@pytest.fixture
def images(tmp_path):
    """Nine images, the reddest three anomalous to the stub."""
    root = tmp_path / "images"
    for index, red in enumerate((10, 20, 30, 40, 50, 60, 101, 102, 103)):
        draw(root / f"{index}.png", red)
    return root


@pytest.fixture
def one_chunk(monkeypatch):
    """Chunks end at their largest size alone, whatever the folder of the test is called."""
    from csad.batch import plan

    monkeypatch.setattr(plan, "CHUNK", 2**40)
    return plan


@pytest.fixture
def small_chunks(one_chunk, monkeypatch):
    """Three images a chunk."""
    monkeypatch.setattr(one_chunk, "LARGEST", 3)


class Batch:
    """Plans and scores with the stub, as the tasks of a run do."""

    def __init__(self, store, monkeypatch, folder):
        self.store, self.folder = store, folder
        self.scorer = StubScorer()
        self.loaded = 0
        monkeypatch.setattr(shard, "opened_model", self._opened)

    @contextmanager
    def _opened(self, store, plan):
        self.loaded += 1
        yield self.scorer

    @property
    def scored(self):
        return sum(self.scorer.batches)

    def plan(self, where, model=MODEL):
        _, plan = put_plan(self.store, "kit", model, Sources(self.store.settings).list(str(where)))
        return plan

    def score(self, plan, of=1):
        """Score every shard; the counts and the files."""
        self.scorer.batches.clear()
        files = [self.folder / f"{number}-{of}.parquet" for number in range(1, of + 1)]
        counts = [
            shard.score_shard(self.store, plan, Shard(number, of), file) for number, file in enumerate(files, start=1)
        ]
        return counts, files


@pytest.fixture
def batch(store, monkeypatch, tmp_path):
    return Batch(store, monkeypatch, Path(tmp_path))
