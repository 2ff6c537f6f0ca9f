"""Speed and memory of pushing a data set, beside the plain client.

Run `python -m benchmarks.store_speed`. It writes 5,000 files of 200 KB (1 GB; the store takes 3 GB more) into a
temporary folder and starts an S3 server of its own. "Plain" is the same client copying the same files to keys of their
own with 8 threads: no digests, no list, no manifest. It is timed before and after the push, since a machine is never
quite idle.
"""

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from minio import Minio

from benchmarks.measurement import machine
from csad.store.datasets import pull_dataset, push_dataset, verify_dataset
from csad.store.embedded import EmbeddedStore
from csad.store.objects import ObjectStore
from csad.store.settings import StoreSettings

IMAGES = 5000
BYTES = 200_000
THREADS = 8
SAMPLE_SECONDS = 0.05


@dataclass
class StoreSpeed:
    """What was measured.

    Attributes:
        plain: Files per second of the plain client, before and after.
        push: Files per second of the first push.
        second: Files per second of a push of the same data.
        moved: Objects that the second push added or changed.
        pull: Files per second of a pull into an empty folder.
        verify: Files per second of a check.
        early: Peak memory of this process in the first fifth of the push, bytes.
        late: Peak memory in the rest of it.
    """

    plain: list[float] = field(default_factory=list)
    push: float = 0.0
    second: float = 0.0
    moved: int = -1
    pull: float = 0.0
    verify: float = 0.0
    early: int = 0
    late: int = 0

    @property
    def ratio(self) -> float:
        """Rate of the push over the mean rate of the plain client."""
        return self.push * len(self.plain) / sum(self.plain)


def measure(folder: Path, images: int, size: int) -> StoreSpeed:
    """Time everything once.

    Args:
        folder: Empty; for the data and the server.
        images: Number of files.
        size: Bytes of each.
    """
    data = folder / "data"
    write_files(data, images, size)
    found = StoreSpeed()
    with EmbeddedStore(folder / "server") as server:
        store = ObjectStore.connect(server.settings)
        found.plain.append(images / plain(server.settings, data, "before"))
        with peaks() as memory:
            start = time.perf_counter()
            push_dataset(store, data, "bottles")
            found.push = images / (time.perf_counter() - start)
        found.early, found.late = early_and_late(memory)
        before = states(server.settings)
        found.second = images / _seconds(lambda: push_dataset(store, data, "bottles"))
        found.moved = len(states(server.settings) ^ before)
        found.plain.append(images / plain(server.settings, data, "after"))
        found.pull = images / _seconds(lambda: pull_dataset(store, "bottles", None, folder / "copy"))
        found.verify = images / _seconds(lambda: verify_dataset(store, "bottles", None))
    return found


def write_files(folder: Path, count: int, size: int) -> None:
    """Write files of random bytes: a push does not open images."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for index in range(count):
        (folder / f"{index:05d}.png").write_bytes(generator.bytes(size))


def plain(settings: StoreSettings, data: Path, prefix: str) -> float:
    """Seconds that the client takes to copy the files with as many threads."""
    client = Minio(
        settings.endpoint, settings.access_key, settings.secret_key, secure=settings.secure, region=settings.region
    )
    files = sorted(data.iterdir())

    def copy(path: Path) -> None:
        client.fput_object(settings.bucket, f"{prefix}/{path.name}", str(path))

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
    listed = client.list_objects(settings.bucket, prefix="datasets/", recursive=True)
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
        ("plain client, before", found.plain[0]),
        ("plain client, after", found.plain[1]),
        ("first push", found.push),
        ("second push", found.second),
        ("pull", found.pull),
        ("verify", found.verify),
    ]
    for name, rate in rates:
        print(f"  {name:22s} {rate:8.1f} files/s  {rate * megabytes:7.1f} MB/s")
    print(f"  push over plain client {found.ratio:8.2f}")
    print(f"  objects moved by the second push: {found.moved}")
    print(f"  peak memory: {found.early / 1e6:.0f} MB in the first fifth of the push, {found.late / 1e6:.0f} MB later")


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
