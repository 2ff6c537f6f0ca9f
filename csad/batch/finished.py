"""Batches whose results stand: later batches take rows from their results, so their chunks need not be kept, too.

| key in the store | what |
|---|---|
| `batches/<line>/finished/<model>/<source>.json` | where the latest results of a source lie, and the chunks in them |

Model and source are digests: of the model's manifest, and of the name of the folder, prefix or list.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from csad.batch.listed import ListedImage
from csad.batch.parts import PART
from csad.batch.plan import ROOT, Plan
from csad.common import atomic
from csad.common.errors import StageError, StoreError
from csad.common.hashing import json_sha256
from csad.store.buckets import Bucket, split_address
from csad.store.failures import NotFound
from csad.store.listed import Listed
from csad.store.objects import ObjectStore
from csad.store.sealed import seal, unseal

if TYPE_CHECKING:
    import pyarrow as pa

LASTING = "csad_lasting"
"""Keys of the chunks in the results of a shard whose rows would be the same again, by their number, as JSON."""

MOST = 16
"""Finished batches whose rows are looked for: the one of the same source, and the latest others."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Finished:
    """A batch whose results stand.

    Attributes:
        results: Address of the results.
        sha256: Digest of that file.
        keys: Key of each chunk, as `csad.batch.parts` has it, in the order of the rows; "" where the same images may
            give other rows the next time.
        images: Rows of each chunk.
    """

    results: str
    sha256: str
    keys: tuple[str, ...]
    images: tuple[int, ...]


def put_finished(store: ObjectStore, plan: Plan, results: str, sha256: str, lasting: Mapping[int, str]) -> None:
    """Say that the results of a plan stand.

    Args:
        store: csad's own store.
        plan: The batch.
        results: Address of its results.
        sha256: Digest of that file.
        lasting: Keys of the chunks whose rows would be the same again, by their number.

    Raises:
        StoreError: The store refuses or does not answer.
    """
    keys = tuple(lasting.get(index, "") for index in range(len(plan.chunks)))
    record = Finished(results, sha256, keys, tuple(chunk.images for chunk in plan.chunks))
    store.put_bytes(_place(plan), seal(record, Finished))


def lasting_chunks(shards: Sequence[Path]) -> dict[int, str]:
    """Keys of the chunks whose rows would be the same again, by their number, as the results of shards say.

    Raises:
        StageError: A file is none of a shard.
    """
    import pyarrow as pa
    from pyarrow import parquet

    found: dict[int, str] = {}
    for shard in shards:
        try:
            said = json.loads((parquet.read_metadata(shard).metadata or {})[LASTING.encode()])
            found |= {int(index): str(key) for index, key in said.items()}
        except (pa.ArrowException, OSError, KeyError, ValueError, AttributeError) as error:
            raise StageError(f"{shard} is no result of a shard ({error}); run the task that wrote it again") from error
    return found


class FinishedRows:
    """Rows of finished batches of a plan's line and model; nothing is fetched before the first are asked for.

    Args:
        store: csad's own store.
        plan: What is to be scored.
        folder: For what is fetched.
    """

    def __init__(self, store: ObjectStore, plan: Plan, folder: Path) -> None:
        self._store, self._plan, self._folder = store, plan, folder
        self._entries: list[Listed] = []
        self._known: dict[str, list[tuple[Finished, int]]] = {}
        self._files: dict[str, _Results | None] = {}

    def fetch(self, key: str, images: Sequence[ListedImage], file: Path) -> bool:
        """Write the rows of a chunk into a file; False where no finished batch has them.

        Where those that are known do not, it looks for batches that finished meanwhile: they took their chunks away.

        Raises:
            StoreError: The store does not answer.
            OSError: The file cannot be written.
        """
        return self._write(key, images, file) or (self._look() and self._write(key, images, file))

    def _write(self, key: str, images: Sequence[ListedImage], file: Path) -> bool:
        """Take the rows from the first results that are still there."""
        return any(self._copy(finished, first, key, images, file) for finished, first in self._known.get(key, ()))

    def _copy(self, finished: Finished, first: int, key: str, images: Sequence[ListedImage], file: Path) -> bool:
        from pyarrow import parquet

        results = self._open(finished)
        table = results.rows(first, len(images)) if results else None
        if table is None or table.column("file").to_pylist() != [image.shown for image in images]:
            return False
        with atomic.replacing(file) as draft:
            told = {**(table.schema.metadata or {}), PART.encode(): key.encode()}
            parquet.write_table(
                table.replace_schema_metadata(told), draft, compression="zstd", write_page_checksum=True
            )
        return True

    def _look(self) -> bool:
        """Learn which batches have each chunk, and from which row on; whether there is anything new."""
        own = _place(self._plan)
        entries = list(self._store.list_sizes(own.rpartition("/")[0] + "/"))
        entries.sort(key=lambda one: (one.key == own, one.written), reverse=True)
        if entries[:MOST] == self._entries:
            return False
        self._entries, self._known = entries[:MOST], {}
        for entry in self._entries:
            try:
                data, _ = self._store.read_bytes(entry.key)
            except NotFound:
                continue
            try:
                finished = unseal(data, Finished, entry.key)
            except StoreError as error:
                _log.warning("the results of a finished batch are not used: %s", error)
                continue
            starts = accumulate(finished.images, initial=0)
            for key, start in zip(finished.keys, starts, strict=False):
                if key:
                    self._known.setdefault(key, []).append((finished, start))
        return True

    def _open(self, finished: Finished) -> _Results | None:
        """The results; None, and why is said once, where they are gone or others."""
        if finished.sha256 not in self._files:
            file = self._folder / f"{finished.sha256}.results"
            name, key = split_address(finished.results)
            try:
                Bucket(self._store.settings, name).objects.get_file(key, file, finished.sha256)
                self._files[finished.sha256] = _Results(file)
            except StoreError as error:
                _log.warning("results of a finished batch are not used; what no other holds is scored again: %s", error)
                self._files[finished.sha256] = None
        return self._files[finished.sha256]


class _Results:
    """Rows of a file of results, a group of rows in memory at a time."""

    def __init__(self, file: Path) -> None:
        from pyarrow import parquet

        self._file = parquet.ParquetFile(file, page_checksum_verification=True)
        groups = range(self._file.metadata.num_row_groups)
        self._starts = list(accumulate((self._file.metadata.row_group(one).num_rows for one in groups), initial=0))
        self._held: tuple[int, pa.Table] | None = None

    def rows(self, first: int, count: int) -> pa.Table:
        """Rows `first` to `first + count`, fewer where the file ends."""
        import pyarrow as pa

        found = [
            self._group(index).slice(max(0, first - start), min(end, first + count) - max(start, first))
            for index, (start, end) in enumerate(zip(self._starts, self._starts[1:], strict=False))
            if start < first + count and first < end
        ]
        return pa.concat_tables(found) if found else self._file.schema_arrow.empty_table()

    def _group(self, index: int) -> pa.Table:
        if self._held is None or self._held[0] != index:
            self._held = (index, self._file.read_row_group(index))
        return self._held[1]


def _place(plan: Plan) -> str:
    return f"{ROOT}/{plan.line}/finished/{plan.model.checksum}/{json_sha256(plan.source)}.json"
