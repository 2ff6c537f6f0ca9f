"""Sorted arrays on disk, merged in order with little memory.

The scores of all pixels of hundreds of images do not fit in memory, yet an exact curve needs them in order.
Each array is sorted when it is added and written to one temporary file; every SAMPLE-th value is kept. The kept
values divide the range into windows that hold at most WINDOW values plus SAMPLE per array, so that a merge reads
the file once from front to back of every array and holds one window at a time.

For P values in R arrays: O(P log P) time, 4 P bytes on disk, and about 4 (WINDOW + SAMPLE R) bytes of memory.
"""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from csad.common.errors import CsadError

SAMPLE = 4096
WINDOW = 1 << 21
ITEM = np.dtype(np.float32).itemsize


@dataclass(frozen=True)
class Between:
    """All values strictly between two neighbouring boundaries.

    Attributes:
        values: Per run float32 (n,), rising.
        starts: Per run the rank of its first value, int.
    """

    values: list[np.ndarray]
    starts: list[int]


@dataclass(frozen=True)
class Ties:
    """All values equal to a boundary; there may be any number of them.

    Attributes:
        counts: Per run how many.
        starts: Per run the rank of the first of them.
    """

    counts: list[int]
    starts: list[int]


class SortedRuns:
    """A collection of float32 arrays that can be walked through in common order.

    Args:
        folder: Where the temporary file lies; None takes the system's. It has no name and vanishes when closed.
        sample: Keep every sample-th value in memory.
        window: Values per window.
    """

    def __init__(self, folder: Path | None = None, sample: int = SAMPLE, window: int = WINDOW) -> None:
        self._folder = folder or Path(tempfile.gettempdir())
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed in __exit__
        self._sample = sample
        self._window = window
        self._lengths: list[int] = []
        self._samples: list[np.ndarray] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, values: np.ndarray) -> int:
        """Sort and store one array.

        Args:
            values: Finite float32 (n,), in any order; n may be 0.

        Returns:
            The number of the run.

        Raises:
            CsadError: The disk is full.
        """
        ordered = np.sort(np.asarray(values, dtype=np.float32))
        try:
            self._file.write(ordered.tobytes())
            self._file.flush()
        except OSError as error:
            raise CsadError(
                f"cannot keep the anomaly maps in {self._folder}: {error.strerror}; they take 4 bytes a pixel, "
                "free some space there or name a larger folder in the environment variable TMPDIR"
            ) from error
        self._samples.append(ordered[:: self._sample].copy())
        self._lengths.append(len(ordered))
        return len(self._lengths) - 1

    def merged(self) -> Iterator[Between | Ties]:
        """Walk through all values in rising order, in windows that together hold each value once."""
        starts = np.cumsum(self._lengths, dtype=np.int64) - np.array(self._lengths, dtype=np.int64)
        cursors = [
            _Cursor(self._file.fileno(), int(start), length, self._sample)
            for start, length in zip(starts, self._lengths, strict=True)
        ]
        for boundary in self._boundaries():
            ranks = [cursor.rank for cursor in cursors]
            yield Between([cursor.take_below(boundary) for cursor in cursors], ranks)
            ranks = [cursor.rank for cursor in cursors]
            yield Ties([cursor.skip_equal(boundary) for cursor in cursors], ranks)
        ranks = [cursor.rank for cursor in cursors]
        yield Between([cursor.take_below(np.float32(np.inf)) for cursor in cursors], ranks)

    def _boundaries(self) -> np.ndarray:
        samples = np.sort(np.concatenate([np.empty(0, dtype=np.float32), *self._samples]))
        step = max(self._window // self._sample, 1)
        return np.unique(samples[step - 1 :: step])


class _Cursor:
    """A place in one run; it moves forward only and holds one block."""

    def __init__(self, descriptor: int, start: int, length: int, block: int) -> None:
        self._descriptor = descriptor
        self._start = start
        self._length = length
        self._size = block
        self._block = np.empty(0, dtype=np.float32)
        self._position = 0
        self._read = 0

    @property
    def rank(self) -> int:
        return self._read - len(self._block) + self._position

    def take_below(self, value: np.float32) -> np.ndarray:
        parts = []
        while self._available():
            rest = self._block[self._position :]
            part = rest[: np.searchsorted(rest, value, side="left")]
            parts.append(part)
            self._position += len(part)
            if len(part) < len(rest):
                break
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.float32)

    def skip_equal(self, value: np.float32) -> int:
        first = self.rank
        while self._available():
            rest = self._block[self._position :]
            equal = int(np.searchsorted(rest, value, side="right"))
            self._position += equal
            if equal < len(rest):
                break
        return self.rank - first

    def _available(self) -> bool:
        """Whether a value is left, after reading the next block where the last is used up."""
        if self._position == len(self._block) and self._read < self._length:
            count = min(self._size, self._length - self._read)
            data = os.pread(self._descriptor, count * ITEM, (self._start + self._read) * ITEM)
            self._block = np.frombuffer(data, dtype=np.float32)
            self._position = 0
            self._read += len(self._block)
        return self._position < len(self._block)
