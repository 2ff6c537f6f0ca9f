"""Rows of one chunk, kept in the store: the same model and the same images are not scored twice.

The key is a digest over the model's checksum, the names and marks of the images, and the code and packages that score,
as the key of a stage is. So a task that was killed, a repeated run, and a run over a prefix that has grown score only
what is new; how many tasks divide the work does not matter. Once the results of a batch stand, its parts are removed,
and its rows are taken from there: see `csad.batch.finished`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from csad.batch.listed import ListedImage
from csad.batch.plan import ROOT, Chunk, Plan
from csad.common import atomic
from csad.common.hashing import json_sha256
from csad.runner.code import code_version, package_versions
from csad.scoring.result_table import Row, table_of
from csad.store.failures import NotFound
from csad.store.objects import ObjectStore

SCORING = "csad.batch.scoring"
PART = "csad_part"
"""Key of a part in its own metadata."""

_log = logging.getLogger(__name__)


def part_key(plan: Plan, chunk: Chunk) -> str:
    """Digest of all that the rows of a chunk depend on."""
    parts = {
        "model": plan.model.checksum,
        "images": chunk.sha256,
        "code": code_version(SCORING),
        "packages": dict(package_versions(SCORING)),
    }
    return json_sha256(parts)


def fetch_part(store: ObjectStore, plan: Plan, key: str, images: Sequence[ListedImage], file: Path) -> bool:
    """Fetch the rows of a chunk that was scored before; False where there are none, or they are damaged.

    Raises:
        StoreError: The store does not answer.
        OSError: The file cannot be written.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        store.get_file(_place(plan, key), file, None)
    except NotFound:
        return False
    try:
        table = parquet.read_table(file, page_checksum_verification=True)
        said = (table.schema.metadata or {}).get(PART.encode(), b"").decode(errors="replace")
        if said == key and table.column("file").to_pylist() == [image.shown for image in images]:
            return True
    except (pa.ArrowException, OSError, KeyError) as error:
        _log.debug("%s: %s", key, error)
    _log.warning("%s in the store is damaged; its %d images are scored again", _place(plan, key), len(images))
    return False


def write_part(rows: Sequence[Row], metadata: Mapping[str, str], key: str, file: Path) -> None:
    """Write the rows of a chunk into a file.

    Raises:
        OSError: It cannot be written.
    """
    from pyarrow import parquet

    table = table_of(rows, {**metadata, PART: key})
    with atomic.replacing(file) as draft:
        parquet.write_table(table, draft, compression="zstd", write_page_checksum=True)


def keep_part(store: ObjectStore, plan: Plan, key: str, file: Path) -> None:
    """Store the rows of a chunk for the next run.

    Raises:
        StoreError: The store refuses or does not answer.
        OSError: The file cannot be read.
    """
    store.put_file(_place(plan, key), file)


def parts_prefix(line: str) -> str:
    """Where all parts of a line lie."""
    return f"{ROOT}/{line}/parts/"


def _place(plan: Plan, key: str) -> str:
    return f"{parts_prefix(plan.line)}{key}.parquet"
