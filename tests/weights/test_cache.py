"""Weights that pods fetch: once, whole, right, resumed, and never half visible."""

import errno
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import namedtuple
from pathlib import Path

import pytest

from csad.common.errors import StoreError, WeightsError
from csad.store.client import make_client
from csad.store.objects import ObjectStore
from csad.store.retry import CONNECTING
from csad.weights.cache import PARTIAL, WeightsCache
from csad.weights.mirror import StoreMirror
from tests.weights.mirrored import Line, mirror_file, sha256

ROOT = Path(__file__).parents[2]
CONTENT = bytes(range(256)) * 20_000
"""5.12 MB."""

FETCH = """
import sys
from pathlib import Path
from csad.store.objects import ObjectStore
from csad.store.settings import StoreSettings
from csad.weights.cache import WeightsCache
from csad.weights.mirror import StoreMirror
mirror = StoreMirror(ObjectStore.connect(StoreSettings.from_environment()))
print(WeightsCache(Path(sys.argv[1])).bring("sam", sys.argv[2], mirror))
"""


@pytest.fixture
def digest(store, tmp_path):
    file = tmp_path / "published"
    file.write_bytes(CONTENT)
    return mirror_file(store, "sam", file)


@pytest.fixture
def root(tmp_path):
    return tmp_path / "cache"


def left_in(root):
    return sorted(path.name for path in root.iterdir() if not path.name.endswith(".lock"))


class Counting:
    """A mirror that counts how often a file is asked for, and may do something while it sends it."""

    def __init__(self, store, meanwhile=lambda path: None):
        self._mirror = StoreMirror(store)
        self._meanwhile = meanwhile
        self.fetched = 0

    def size(self, name, sha256):
        return self._mirror.size(name, sha256)

    def complete(self, name, sha256, path):
        self.fetched += 1
        self._meanwhile(path)
        self._mirror.complete(name, sha256, path)


def test_a_file_is_fetched_once_and_then_found(store, digest, root):
    source = Counting(store)

    first, second = (WeightsCache(root).bring("sam", digest, source) for _ in range(2))

    assert first == second == root / digest
    assert first.read_bytes() == CONTENT
    assert source.fetched == 1
    assert left_in(root) == [digest]


def test_what_a_killed_task_left_is_continued_and_only_the_rest_travels(own_store, digest, root, caplog):
    root.mkdir()
    (root / f"{digest}{PARTIAL}").write_bytes(CONTENT[:4_000_000])
    line = Line.to(own_store)
    mirror = StoreMirror(ObjectStore.connect(line.settings(own_store)))

    with caplog.at_level(logging.INFO):
        assert WeightsCache(root).bring("sam", digest, mirror).read_bytes() == CONTENT

    assert 1_120_000 < line.sent < 1_200_000
    assert "weights sam: fetching 5.1 MB, 4.0 MB are here" in caplog.messages
    assert left_in(root) == [digest]


def test_a_task_that_is_killed_while_it_fetches_leaves_nothing_visible_and_frees_its_lock(own_store, digest, root):
    line = Line.to(own_store)
    line.break_after = 1_000_000  # it tries again, and again
    environment = os.environ | line.settings(own_store).to_environment() | {"PYTHONPATH": str(ROOT)}
    fetching = subprocess.Popen([sys.executable, "-c", FETCH, root, digest], env=environment)
    partial = root / f"{digest}{PARTIAL}"
    latest = time.monotonic() + 60
    while not (partial.exists() and partial.stat().st_size) and time.monotonic() < latest:
        time.sleep(0.005)
    fetching.send_signal(signal.SIGKILL)
    assert fetching.wait() == -signal.SIGKILL
    assert left_in(root) == [partial.name]
    assert 0 < partial.stat().st_size < len(CONTENT)

    line.break_after = None
    done = subprocess.run(
        [sys.executable, "-c", FETCH, root, digest], env=environment, capture_output=True, text=True, check=True
    )

    assert Path(done.stdout.strip()).read_bytes() == CONTENT
    assert left_in(root) == [digest]


def test_a_transfer_that_is_cut_again_and_again_arrives(own_store, digest, root):
    line = Line.to(own_store)
    line.break_after = 2_000_000
    mirror = StoreMirror(ObjectStore.connect(line.settings(own_store)))

    assert WeightsCache(root).bring("sam", digest, mirror).read_bytes() == CONTENT

    assert line.sent < 1.1 * len(CONTENT), "only what was missing travelled again"


def test_a_store_that_goes_away_leaves_what_came_for_the_next_task(own_store, digest, root):
    line = Line.to(own_store)
    settings = line.settings(own_store)
    hasty = ObjectStore(settings, make_client(settings, silence=5), CONNECTING)
    line.break_after = 0  # no connection brings more than one piece

    with pytest.raises(StoreError, match="the connection broke"):
        WeightsCache(root).bring("sam", digest, StoreMirror(hasty))

    assert set(left_in(root)) <= {f"{digest}{PARTIAL}"}
    line.break_after = None
    assert WeightsCache(root).bring("sam", digest, StoreMirror(hasty)).read_bytes() == CONTENT


def test_two_tasks_that_ask_at_once_fetch_once(store, digest, root, caplog):
    begun, asked = threading.Event(), threading.Event()

    def meanwhile(path):
        begun.set()
        assert asked.wait(30)

    source = Counting(store, meanwhile)
    found = []
    tasks = [threading.Thread(target=lambda: found.append(WeightsCache(root).bring("sam", digest, source)))]
    tasks.append(threading.Thread(target=lambda: found.append(WeightsCache(root).bring("sam", digest, source))))
    with caplog.at_level(logging.INFO):
        tasks[0].start()
        assert begun.wait(30)
        tasks[1].start()
        latest = time.monotonic() + 30
        while not any("waiting for it" in message for message in caplog.messages) and time.monotonic() < latest:
            time.sleep(0.01)
        assert left_in(root) == [f"{digest}{PARTIAL}"], "nothing is visible while it comes"
        asked.set()
        for task in tasks:
            task.join()

    assert found == [root / digest] * 2
    assert source.fetched == 1


def test_a_file_that_changed_in_the_store_is_refused_with_both_digests_and_not_kept(store, digest, root):
    other = CONTENT[:-1] + b"x"
    store.put_bytes(f"weights/sam/{digest}", other)

    with pytest.raises(WeightsError, match=f"changed in the store: the sha256 is {sha256(other)}, expected {digest}"):
        WeightsCache(root).bring("sam", digest, StoreMirror(store))

    assert left_in(root) == []


def test_a_partial_file_of_other_bytes_is_fetched_anew(store, digest, root, caplog):
    root.mkdir()
    (root / f"{digest}{PARTIAL}").write_bytes(b"x" * 1000)

    assert WeightsCache(root).bring("sam", digest, StoreMirror(store)).read_bytes() == CONTENT

    assert any("what an earlier task had fetched was damaged" in message for message in caplog.messages)


def test_a_file_that_was_damaged_on_the_volume_is_fetched_again_and_that_is_said(store, digest, root, caplog):
    path = WeightsCache(root).bring("sam", digest, StoreMirror(store))
    path.write_bytes(CONTENT[:-1] + b"x")

    assert WeightsCache(root).bring("sam", digest, StoreMirror(store)).read_bytes() == CONTENT

    assert f"weights sam: {path} was damaged on this volume; fetching it again" in caplog.messages


def test_without_room_nothing_is_begun(store, digest, root, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10, 10, 5_000_000))
    source = Counting(store)

    with pytest.raises(WeightsError, match=r"cache has 5\.0 MB left and weights sam need 5\.1 MB more; free"):
        WeightsCache(root).bring("sam", digest, source)

    assert source.fetched == 0
    assert left_in(root) == []


def test_a_disk_that_fills_up_on_the_way_is_left_as_it_was(store, digest, root):
    def full(path):
        path.write_bytes(CONTENT[:1000])
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with pytest.raises(WeightsError, match=r"weights sam cannot be kept at .*: the disk is full; free some space"):
        WeightsCache(root).bring("sam", digest, Counting(store, full))

    assert left_in(root) == []


def test_a_volume_that_is_filled_beforehand_may_be_read_only(store, digest, root):
    root.mkdir()
    (root / digest).write_bytes(CONTENT)
    source = Counting(store)

    assert WeightsCache(root).bring("sam", digest, source) == root / digest

    assert [path.name for path in root.iterdir()] == [digest], "no lock either"
    assert source.fetched == 0


def test_a_volume_that_cannot_be_written_says_who_must_be_able_to(store, digest, tmp_path):
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(WeightsError, match="be writable by the user that pods run as"):
        WeightsCache(tmp_path / "file").bring("sam", digest, StoreMirror(store))


def test_what_the_store_lacks_is_named_with_the_command_that_puts_it_there(store, root):
    with pytest.raises(
        WeightsError, match="the store has no weights mine; put them there with `csad weights push mine"
    ):
        WeightsCache(root).bring("mine", "0" * 64, StoreMirror(store))
    with pytest.raises(WeightsError, match=r"no weights sam_hq_vit_h; .*`csad weights sync sam_hq_vit_h`, or"):
        WeightsCache(root).bring("sam_hq_vit_h", "0" * 64, StoreMirror(store))
