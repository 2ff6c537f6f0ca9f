"""Scores of images as a table: the columns of every Parquet file of results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]
"""One image: "branches" holds a value per branch, the other keys are columns."""

BRANCH = "branch_"
"""Begins the names of the columns of branches."""


def schema_of(branches: Iterable[str], metadata: Mapping[str, str]) -> pa.Schema:
    """The columns.

    Args:
        branches: Names of the branches and groups that have a column.
        metadata: Kept with the columns, such as the model's checksum.
    """
    import pyarrow as pa

    return pa.schema(
        [
            ("file", pa.string()),
            ("score", pa.float64()),
            ("threshold", pa.float64()),
            ("anomalous", pa.bool_()),
            ("explanations", pa.list_(pa.string())),
            ("error", pa.string()),
            *((f"{BRANCH}{name}", pa.float64()) for name in sorted(branches)),
            ("bytes", pa.int64()),
            ("modified", pa.int64()),  # nanoseconds since 1970: not every reader has timestamps that fine
            ("changed", pa.int64()),
            ("inode", pa.uint64()),
            ("sha256", pa.string()),
        ],
        metadata=dict(metadata),
    )


def table_of(rows: Sequence[Row], metadata: Mapping[str, str]) -> pa.Table:
    """Put rows into columns; what a row lacks is null.

    Args:
        rows: In the order of the table.
        metadata: Kept with the columns.
    """
    import pyarrow as pa

    branches = {name for row in rows for name in row.get("branches") or {}}
    flat = [{**row, **{f"{BRANCH}{name}": v for name, v in (row.get("branches") or {}).items()}} for row in rows]
    return pa.Table.from_pylist(flat, schema=schema_of(branches, metadata))
