"""The results of `csad score --out`: a Parquet file made of a journal that survives being interrupted."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Self

from csad.common.atomic import replacing
from csad.common.errors import DatasetError
from csad.common.file_stamp import FileStamp
from csad.common.hashing import file_sha256
from csad.scoring.result_table import BRANCH, Row, table_of


@dataclass(frozen=True)
class FileState:
    """What a row says about its file.

    Attributes:
        bytes: Its size; None where it cannot be looked at, such as a link to nowhere.
        modified: Its time of modification, nanoseconds; None likewise.
        changed: Time of the last change of anything about it, nanoseconds; None where that was too short a time ago to
            tell a later change from it.
        inode: Its number in the file system; None likewise.
        sha256: Digest of the bytes that were scored; None where it changed meanwhile.
    """

    bytes: int | None = None
    modified: int | None = None
    changed: int | None = None
    inode: int | None = None
    sha256: str | None = None

    @classmethod
    def of(cls, stamp: FileStamp | None, sha256: str | None) -> Self:
        """Describe a file by its stamp, taken just now, before it is read."""
        if stamp is None:
            return cls()
        if stamp.is_settled(time.time_ns()):
            return cls(stamp.size, stamp.modified, stamp.changed, stamp.inode, sha256)
        return cls(stamp.size, stamp.modified, sha256=sha256)

    @classmethod
    def of_row(cls, row: Row) -> Self:
        """Read what `asdict` wrote; results of an older csad know size and time of modification alone."""
        return cls(*(row.get(field.name) for field in fields(cls)))

    def is_still(self, path: Path, stamp: FileStamp) -> bool:
        """Whether a file holds the bytes that were scored; it is read where the stamp does not tell.

        Raises:
            OSError: It cannot be read.
        """
        if self.sha256 is None or stamp.size != self.bytes:
            return False
        if self.inode is not None and stamp == FileStamp(self.bytes, self.inode, self.modified or 0, self.changed or 0):
            return True
        return file_sha256(path) == self.sha256


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
    images are scored. Whether one changed is decided by its stamp, and where that is another, by its bytes.

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
        self._rows: dict[str, Row] = {}
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

    def known(self, path: Path) -> Row | None:
        """The row of a file, where it holds what was scored."""
        name, stamp = in_unicode(str(path)), FileStamp.find(path)
        row = self._rows.get(name)
        if row is None or stamp is None:
            return None
        state = FileState.of_row(row)
        now = FileState.of(stamp, state.sha256)
        try:
            if not state.is_still(path, stamp):
                return None
        except OSError:
            return None  # scoring says why it cannot be read
        return {**row, **asdict(now)}

    def is_vague(self, path: Path) -> bool:
        """Whether a file has a row that does not say what the file held: of an older csad, or changed meanwhile."""
        row = self._rows.get(in_unicode(str(path)))
        return row is not None and row.get("sha256") is None

    def add(self, rows: Iterable[Row]) -> None:
        """Keep rows, on disk before this returns."""
        self._stream.writelines(map(_line, rows))
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def finish(self, rows: Sequence[Row], description: Mapping[str, str]) -> None:
        """Write the Parquet file and remove the journal.

        Args:
            rows: One per file, in this order; those of files that are gone are left out.
            description: Stored with the columns, such as the line's name.
        """
        from pyarrow import parquet

        table = table_of(rows, {"csad_model": self._model, "csad_images": self._images, **description})
        with replacing(self._path) as temporary:
            parquet.write_table(table, temporary, compression="zstd")
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
                self._rows[row["file"]] = _in_new_names(row)


def _in_new_names(row: Row) -> Row:
    """A row of the release before, which called the explanations findings."""
    return {"explanations" if name == "findings" else name: value for name, value in row.items()}


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
        names = [name for name in row if name.startswith(BRANCH)]
        branches = {name.removeprefix(BRANCH): row.pop(name) for name in names}
        taken.append({**row, "branches": branches})
    return taken
