"""Several Parquet files of results as one, in the order of the names, with memory for one group of rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from csad.common import atomic
from csad.common.errors import StageError
from csad.runner.summary import Summary
from csad.scoring.result_table import BRANCH, schema_of

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 4096
"""Rows that are read at a time."""
GROUP = 16 * ROWS
"""Rows of a group of the file: the same whatever the files before were."""
COUNTS = "csad_counts"


@dataclass(frozen=True)
class Counts(Summary):
    """What became of the images.

    Attributes:
        images: Rows.
        anomalous: Images above the threshold.
        unreadable: Images without a score; their rows say why.
        reused: Images whose rows are of an earlier run or attempt.
        changed: Images whose bytes were others when they were scored than when they were listed.
    """

    images: int = 0
    anomalous: int = 0
    unreadable: int = 0
    reused: int = 0
    changed: int = 0

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read what `merge` wrote into a file.

        Raises:
            StageError: It is no such file.
        """
        import pyarrow as pa
        from pyarrow import parquet

        try:
            metadata = parquet.read_metadata(file).metadata or {}
            return cls(**json.loads(metadata[COUNTS.encode()]))
        except (pa.ArrowException, OSError, KeyError, ValueError, TypeError) as error:
            raise StageError(f"{file} is no result of a batch ({error}); run the task that wrote it again") from error


def merge(files: Sequence[Path], output: Path, metadata: Mapping[str, str], reused: int, changed: int) -> Counts:
    """Write the rows of several files into one.

    Args:
        files: Parquet files of results, in any order; no file's names lie between those of another.
        output: File to write.
        metadata: Kept with the columns.
        reused: Counted by whoever knows.
        changed: Likewise.

    Returns:
        Counts of all rows; they are kept in the file, too.

    Raises:
        StageError: Two files hold the same name, or names of one lie between those of another.
        OSError: A file cannot be read or written.
    """
    from pyarrow import parquet

    ordered = _in_order(files)
    names = {name for file in ordered for name in parquet.read_schema(file).names if name.startswith(BRANCH)}
    schema = schema_of((name.removeprefix(BRANCH) for name in names), metadata)
    anomalous = unreadable = images = 0
    with (
        atomic.replacing(output) as draft,
        parquet.ParquetWriter(draft, schema, compression="zstd", write_page_checksum=True) as writer,
    ):
        for group in _groups(_tables(ordered, schema)):
            images += group.num_rows
            unreadable += group.num_rows - group.column("error").null_count
            anomalous += group.column("anomalous").to_pylist().count(True)
            writer.write_table(group, row_group_size=GROUP)
        counts = Counts(images, anomalous, unreadable, reused, changed)
        writer.add_key_value_metadata({COUNTS: json.dumps(asdict(counts))})
    return counts


def _in_order(files: Sequence[Path]) -> list[Path]:
    """Files with rows, by their first name."""
    from pyarrow import parquet

    first = {}
    for file in files:
        with parquet.ParquetFile(file) as opened:
            batch = next(opened.iter_batches(batch_size=1, columns=["file"]), None)
        if batch is not None and batch.num_rows:
            first[file] = batch.column(0)[0].as_py()
    return sorted(first, key=lambda file: first[file])


def _tables(files: Sequence[Path], schema: pa.Schema) -> Iterator[pa.Table]:
    """Rows of all files with all columns, some at a time; each name greater than the one before."""
    import pyarrow as pa
    from pyarrow import parquet

    last = ""
    for file in files:
        with parquet.ParquetFile(file, page_checksum_verification=True) as opened:
            for batch in opened.iter_batches(batch_size=ROWS):
                names = batch.column("file").to_pylist()
                for name in names:
                    if name <= last:
                        raise StageError(f"{file} holds a row of {name} behind that of {last}; run the batch again")
                    last = name
                present = set(batch.schema.names)
                columns = [
                    batch.column(column.name) if column.name in present else pa.nulls(batch.num_rows, column.type)
                    for column in schema
                ]
                yield pa.Table.from_arrays(columns, schema=schema)


def _groups(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Put rows together into groups of one size; the last one is smaller."""
    import pyarrow as pa

    waiting: list[pa.Table] = []
    rows = 0
    for table in tables:
        waiting.append(table)
        rows += table.num_rows
        while rows >= GROUP:
            together = pa.concat_tables(waiting)
            yield together.slice(0, GROUP).combine_chunks()
            waiting = [together.slice(GROUP)]
            rows -= GROUP
    if rows:
        yield pa.concat_tables(waiting).combine_chunks()
