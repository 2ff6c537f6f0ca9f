"""The results of `csad score --out`: a Parquet file made of a journal that survives being interrupted."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from csad.atomic import replacing
from csad.errors import DatasetError

Row = dict[str, Any]


@dataclass(frozen=True)
class FileState:
    """One state of one file; the same name with other content is another.

    Attributes:
        file: As it is named in the results.
        bytes: Its size; None where it cannot be looked at, such as a link to nowhere.
        modified: Its time of modification, nanoseconds; None likewise.
    """

    file: str
    bytes: int | None
    modified: int | None

    @classmethod
    def of(cls, path: Path) -> Self:
        """Look at a file."""
        try:
            status = path.stat()
        except OSError:
            return cls(in_unicode(str(path)), None, None)
        return cls(in_unicode(str(path)), status.st_size, status.st_mtime_ns)


def in_unicode(name: str) -> str:
    """A name whose bytes that are not UTF-8 are spelled out, as \\xff: Parquet holds nothing else."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def journal_of(path: Path) -> Path:
    """Where the rows of a results file are kept until it is whole."""
    return path.with_name(path.name + ".journal")


class ResultsFile:
    """Rows that are kept as they come and become one Parquet file at the end.

    The journal lies beside the file, `<name>.journal`: JSON lines, the model and the folder first. Where a run was
    interrupted, the next one takes its rows over; a finished file is taken over, too, so that only new and changed
    images are scored.

    Args:
        path: The Parquet file.
        model: Checksum of the model's manifest.
        images: Absolute path of the image or folder that is scored.

    Raises:
        DatasetError: `path` or its journal is of another kind, another model or other images: it is not replaced.
        OSError: The journal cannot be written.
    """

    def __init__(self, path: Path, model: str, images: Path) -> None:
        self._path = path
        self._model = model
        self._images = in_unicode(str(images))
        self._journal = journal_of(path)
        self._rows: dict[FileState, Row] = {}
        self._take_over()
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self._journal) as temporary:
            lines = [{"model": model, "images": self._images}, *self._rows.values()]
            temporary.write_text("".join(_line(line) for line in lines), encoding="utf-8")
        self._stream = self._journal.open("a", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stream.close()

    def known(self, state: FileState) -> Row | None:
        """The row of a file in this state, where there is one."""
        return self._rows.get(state)

    def add(self, rows: Mapping[FileState, Row]) -> None:
        """Keep rows, on disk before this returns."""
        for state, row in rows.items():
            row = {**row, "file": state.file, "bytes": state.bytes, "modified": state.modified}
            self._rows[state] = row
            self._stream.write(_line(row))
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def finish(self, states: list[FileState], description: Mapping[str, str]) -> None:
        """Write the Parquet file with the rows of these files, in their order, and remove the journal.

        Args:
            states: Files to list; rows of files that are gone are left out.
            description: Stored with the columns, such as the line's name.
        """
        import pyarrow as pa
        from pyarrow import parquet

        rows = [self._rows[state] for state in states]
        branches = sorted({name for row in rows for name in row.get("branches") or {}})
        schema = pa.schema(
            [
                ("file", pa.string()),
                ("score", pa.float64()),
                ("threshold", pa.float64()),
                ("anomalous", pa.bool_()),
                ("findings", pa.list_(pa.string())),
                ("error", pa.string()),
                *((f"branch_{name}", pa.float64()) for name in branches),
                ("bytes", pa.int64()),
                ("modified", pa.int64()),  # nanoseconds since 1970: not every reader has timestamps that fine
            ],
            metadata={"csad_model": self._model, "csad_images": self._images, **description},
        )
        flat = [{**row, **{f"branch_{k}": v for k, v in (row.get("branches") or {}).items()}} for row in rows]
        with replacing(self._path) as temporary:
            parquet.write_table(pa.Table.from_pylist(flat, schema=schema), temporary, compression="zstd")
        self._stream.close()
        self._journal.unlink()

    def _take_over(self) -> None:
        if self._path.exists():
            self._check(self._path, _parquet_origin(self._path))
            self._keep(_parquet_rows(self._path))
        if self._journal.exists() and (rows := _journal_rows(self._journal)):
            self._check(self._journal, rows[0])
            self._keep(rows[1:])

    def _check(self, path: Path, origin: Row) -> None:
        """Refuse to replace the results of something else."""
        model, images = origin.get("model"), origin.get("images", self._images)
        if model is None:
            found = "something else than results of csad score"
        elif model != self._model:
            found = f"results of another model (checksum {model[:12]}, this one has {self._model[:12]})"
        elif images != self._images:
            found = f"results of {images}, not of {self._images}"
        else:
            return
        raise DatasetError(f"{path} holds {found}; name another file with --out, or remove this one")

    def _keep(self, rows: list[Row]) -> None:
        for row in rows:
            if row.get("error") is None:  # an unreadable image may be readable today
                self._rows[FileState(row["file"], row["bytes"], row["modified"])] = row


def _line(record: Row) -> str:
    return json.dumps(record) + "\n"


def _journal_rows(path: Path) -> list[Row]:
    """Read whole lines; what an interrupted write left at the end is dropped."""
    rows: list[Row] = []
    *whole, _ = path.read_text(encoding="utf-8", errors="replace").split("\n")
    for line in whole:
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


def _parquet_origin(path: Path) -> Row:
    """The model and the images of a file, as the first line of a journal."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        metadata = parquet.read_schema(path).metadata or {}
    except (pa.ArrowException, OSError) as error:
        raise DatasetError(f"{path} is no Parquet file ({error}); remove it, or name another with --out") from error
    names = {"model": b"csad_model", "images": b"csad_images"}
    return {name: metadata[key].decode() for name, key in names.items() if key in metadata}


def _parquet_rows(path: Path) -> list[Row]:
    from pyarrow import parquet

    taken = []
    for row in parquet.read_table(path).to_pylist():
        names = [name for name in row if name.startswith("branch_")]
        branches = {name.removeprefix("branch_"): row.pop(name) for name in names}
        taken.append({**row, "branches": branches})
    return taken
