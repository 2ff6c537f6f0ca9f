"""Speed and memory of pushing a data set, beside the plain client.

Run `python -m benchmarks.store_speed`. It writes 5,000 files of 200 KB (1 GB; the store takes 3 GB more) into a
temporary folder and starts an S3 server of its own. "Plain" is the same client copying the same files to keys of their
own with 8 threads: no digests, no list, no manifest. Plain copies and pushes take turns in portions, since a machine is
never quite idle: both see the same load. Afterwards all files are pushed at once.
"""

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from minio import Minio

from benchmarks.measurement import machine
from csad.store.datasets import pull_dataset, verify_dataset
from csad.store.embedded import EmbeddedStore
from csad.store.objects import ObjectStore
from csad.store.push import push_dataset
from csad.store.settings import StoreSettings

IMAGES = 5000
BYTES = 200_000
THREADS = 8
PORTIONS = 10
SAMPLE_SECONDS = 0.05


@dataclass
class StoreSpeed:
    """What was measured.

    Attributes:
        plain: Files per second of the plain client, in portions.
        portions: Files per second of pushes, in portions.
        push: Files per second of a push of all at once.
        second: Files per second of a push of the same data.
        moved: Objects that the second push added or changed.
        pull: Files per second of a pull into an empty folder.
        verify: Files per second of a check.
        early: Peak memory of this process in the first fifth of the push, bytes.
        late: Peak memory in the rest of it.
    """

    plain: float = 0.0
    portions: float = 0.0
    push: float = 0.0
    second: float = 0.0
    moved: int = -1
    pull: float = 0.0
    verify: float = 0.0
    early: int = 0
    late: int = 0

    @property
    def ratio(self) -> float:
        """Rate of pushing over the rate of the plain client, under the same load."""
        return self.portions / self.plain


def measure(folder: Path, images: int, size: int) -> StoreSpeed:
    """Time everything once.

    Args:
        folder: Empty; for the data and the server.
        images: Number of files.
        size: Bytes of each.
    """
    data = folder / "data"
    portions = write_files(folder / "portions", data, images, size)
    found = StoreSpeed()
    with EmbeddedStore(folder / "server") as server:
        store = ObjectStore.connect(server.settings)
        seconds = [
            (plain(server.settings, portion), _seconds(partial(push_dataset, store, portion, portion.name)))
            for portion in portions
        ]
        found.plain = images / sum(copied for copied, _ in seconds)
        found.portions = images / sum(pushed for _, pushed in seconds)
        with peaks() as memory:
            start = time.perf_counter()
            push_dataset(store, data, "bottles")
            found.push = images / (time.perf_counter() - start)
        found.early, found.late = early_and_late(memory)
        before = states(server.settings)
        found.second = images / _seconds(lambda: push_dataset(store, data, "bottles"))
        found.moved = len(states(server.settings) ^ before)
        found.pull = images / _seconds(lambda: pull_dataset(store, "bottles", None, folder / "copy"))
        found.verify = images / _seconds(lambda: verify_dataset(store, "bottles", None))
    return found


def write_files(folder: Path, together: Path, count: int, size: int) -> list[Path]:
    """Write files of random bytes (a push does not open images): in portions, and linked together in one folder."""
    portions = [folder / f"portion-{number}" for number in range(PORTIONS)]
    for path in (*portions, together):
        path.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for index in range(count):
        path = portions[index % PORTIONS] / f"{index:05d}.png"
        path.write_bytes(generator.bytes(size))
        (together / path.name).hardlink_to(path)
    return portions


def plain(settings: StoreSettings, data: Path) -> float:
    """Seconds that the client takes to copy the files with as many threads."""
    client = Minio(
        settings.endpoint, settings.access_key, settings.secret_key, secure=settings.secure, region=settings.region
    )
    files = sorted(data.iterdir())

    def copy(path: Path) -> None:
        client.fput_object(settings.bucket, f"plain/{path.name}", str(path))

    def copy_all() -> None:
        with ThreadPoolExecutor(THREADS) as pool:
            for _ in pool.map(copy, files):
                continue

    return _seconds(copy_all)


def states(settings: StoreSettings) -> set[tuple[str, str, str]]:
    """Key, tag and time of every object of the data set."""
    client = Minio(
        settings.endpoint, settings.access_key, settings.secret_key, secure=settings.secure, region=settings.region
    )
    listed = client.list_objects(settings.bucket, prefix="datasets/bottles/", recursive=True)
    return {(str(entry.object_name), str(entry.etag), str(entry.last_modified)) for entry in listed}


@contextmanager
def peaks() -> Iterator[list[int]]:
    """Sample the memory of this process; the list holds resident bytes."""
    samples: list[int] = []
    done = threading.Event()

    def sample() -> None:
        page = os.sysconf("SC_PAGE_SIZE")
        while not done.is_set():
            samples.append(int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * page)
            done.wait(SAMPLE_SECONDS)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        done.set()
        thread.join()


def early_and_late(samples: list[int]) -> tuple[int, int]:
    """Peak of the first fifth and of the rest."""
    border = max(1, len(samples) // 5)
    return max(samples[:border]), max(samples[border:], default=samples[-1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--bytes", type=int, default=BYTES)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), arguments.images, arguments.bytes)
    megabytes = arguments.bytes / 1e6
    print(f"{arguments.images} files of {arguments.bytes} bytes, {THREADS} threads, {machine()}")
    rates = [
        ("plain client", found.plain),
        ("push, taking turns", found.portions),
        ("push of all at once", found.push),
        ("second push", found.second),
        ("pull", found.pull),
        ("verify", found.verify),
    ]
    for name, rate in rates:
        print(f"  {name:20s} {rate:8.1f} files/s  {rate * megabytes:7.1f} MB/s")
    print(f"  push over plain client {found.ratio:8.2f}")
    print(f"  objects moved by the second push: {found.moved}")
    print(f"  peak memory: {found.early / 1e6:.0f} MB in the first fifth of the push, {found.late / 1e6:.0f} MB later")


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
