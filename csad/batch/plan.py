"""What a batch is to do: which model scores which images, in chunks that several tasks divide.

| key in the store | what |
|---|---|
| `batches/<line>/plans/<digest>/plan.json` | the plan; the digest is over all that it says |
| `batches/<line>/lists/<sha256>.jsonl` | its images, one a line |
| `batches/<line>/parts/<key>.parquet` | rows of one chunk: see `csad.batch.parts` |
| `batches/<line>/results/<digest>.parquet` | all rows of a plan, where no other place is named |
| `batches/<line>/finished/<model>/<source>.json` | results that stand: see `csad.batch.finished` |

Where a chunk ends depends on the names alone: images that come or go change the chunks that they are in, and no others.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from csad.batch.listed import ListedImage, Listing, marks_sha256
from csad.common.errors import StoreError
from csad.common.hashing import bytes_sha256, json_sha256
from csad.runner.shard import Shard
from csad.store.failures import NotFound
from csad.store.names import check_line
from csad.store.objects import ObjectStore
from csad.store.sealed import damaged, find_sealed, seal

ROOT = "batches"
ADDRESS = re.compile(rf"{ROOT}/([^/]+)/plans/([0-9a-f]{{64}})")
CHUNK = 64
"""Images of a chunk in the mean: what an interruption costs at most is one to four times as many."""
LARGEST = 4 * CHUNK


@dataclass(frozen=True)
class Model:
    """A registered model.

    Attributes:
        version: Its version.
        checksum: Checksum of its manifest, which holds those of all its files.
        snapshot: Digest of the data that trained it.
    """

    version: str
    checksum: str
    snapshot: str


@dataclass(frozen=True)
class Chunk:
    """Images that are scored and kept together.

    Attributes:
        images: How many.
        sha256: Digest of their names and marks.
    """

    images: int
    sha256: str


@dataclass(frozen=True)
class Plan:
    """A batch.

    Attributes:
        line: Product line.
        model: What scores.
        source: Folder, prefix or list.
        images: SHA-256 of the list of images.
        duplicates: Names that the list repeated.
        missing: Names of the list that are not there.
        ignored: Files that are no images, per reason.
        chunks: In the order of the names.
    """

    line: str
    model: Model
    source: str
    images: str
    duplicates: int
    missing: int
    ignored: dict[str, int]
    chunks: tuple[Chunk, ...]

    @property
    def total(self) -> int:
        """Number of images."""
        return sum(chunk.images for chunk in self.chunks)

    @property
    def digest(self) -> str:
        """SHA-256 over the model and the images: equal batches have equal results."""
        return json_sha256([self.line, self.model.version, self.model.checksum, self.source, self.images])

    def metadata(self) -> dict[str, str]:
        """What every Parquet file of results says of where it comes from."""
        return {
            "csad_model": self.model.checksum,
            "csad_images": self.source,
            "csad_line": self.line,
            "csad_snapshot": self.model.snapshot,
            "csad_version": self.model.version,
        }

    def chunks_of(self, shard: Shard) -> range:
        """Indices of the chunks of one task: neighbours, with about as many images as each other task has."""
        first, last = (self.total * number // shard.of for number in (shard.number - 1, shard.number))
        starts, start = [], 0
        for chunk in self.chunks:
            starts.append(start)
            start += chunk.images
        mine = [index for index, start in enumerate(starts) if first <= start < last]
        return range(mine[0], mine[-1] + 1) if mine else range(0)


def put_plan(store: ObjectStore, line: str, model: Model, listing: Listing) -> tuple[str, Plan]:
    """Divide images into chunks and store the plan.

    Returns:
        Its address, which is equal for equal batches, and the plan.

    Raises:
        StoreError: The store refuses or does not answer.
        OSError: The list cannot be written to the disk.
    """
    check_line(line)
    with tempfile.TemporaryDirectory(prefix="csad-batch-") as folder:
        file = Path(folder) / "images.jsonl"
        with file.open("w", encoding="ascii") as stream:
            stream.writelines(image.to_line() for image in listing.images)
        chunks = tuple(Chunk(len(images), marks_sha256(images)) for images in divide(listing))
        images = json_sha256([chunk.sha256 for chunk in chunks])
        plan = Plan(
            line,
            model,
            listing.source,
            images,
            listing.duplicates,
            listing.missing,
            dict(listing.ignored),
            chunks,
        )
        store.put_file(_list_key(line, plan.images), file)
    address = f"{ROOT}/{line}/plans/{plan.digest}"
    store.put_bytes(f"{address}/plan.json", seal(plan, Plan))
    return address, plan


def read_plan(store: ObjectStore, address: str) -> Plan:
    """Read a plan.

    Raises:
        StoreError: The address is none, there is no such plan, it is damaged, or the store does not answer.
    """
    match = ADDRESS.fullmatch(address)
    found = find_sealed(store, f"{address}/plan.json", Plan) if match else None
    if match is None or found is None:
        raise StoreError(
            f"{address!r} is no plan of a batch in the store; start the run again, its first task makes one"
        )
    plan = found[0]
    if plan.digest != match[2]:
        raise damaged(f"{address}/plan.json", "it describes another batch")
    return plan


def read_chunks(store: ObjectStore, plan: Plan, wanted: range) -> Iterator[list[ListedImage]]:
    """Yield the images of some chunks, one chunk in memory at a time.

    Args:
        store: Where the list is.
        plan: Whose.
        wanted: Indices of neighbouring chunks.

    Raises:
        StoreError: The list is damaged or gone, or the store does not answer.
        OSError: The list cannot be written to the disk.
    """
    if not wanted:
        return
    key = _list_key(plan.line, plan.images)
    with tempfile.TemporaryDirectory(prefix="csad-batch-") as folder:
        file = Path(folder) / "images.jsonl"
        try:
            store.get_file(key, file, None)
        except NotFound:
            raise StoreError(f"the list {key} is no longer in the store; start the run again") from None
        with file.open(encoding="ascii") as stream:
            for _ in islice(stream, sum(chunk.images for chunk in plan.chunks[: wanted.start])):
                continue
            for chunk in plan.chunks[wanted.start : wanted.stop]:
                lines = islice(stream, chunk.images)
                try:
                    images = [ListedImage.from_line(line) for line in lines]
                except (ValueError, TypeError) as error:
                    raise damaged(key, "a line of it is no image") from error
                if marks_sha256(images) != chunk.sha256:
                    raise damaged(key, "its digest does not fit")
                yield images


def divide(listing: Listing) -> Iterator[list[ListedImage]]:
    """Divide images into chunks, in their order; an image ends one where the digest of its name says so."""
    chunk: list[ListedImage] = []
    for image in listing.images:
        chunk.append(image)
        ends = int(bytes_sha256(image.shown.encode())[:8], 16) % CHUNK == 0
        if ends or len(chunk) >= LARGEST:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def results_key(plan: Plan) -> str:
    """Where the results of a plan lie unless another place is named."""
    return f"{ROOT}/{plan.line}/results/{plan.digest}.parquet"


def _list_key(line: str, images: str) -> str:
    return f"{ROOT}/{line}/lists/{images}.jsonl"
