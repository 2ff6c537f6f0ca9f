"""Arrays on disk rather than in memory: what there is one of per training image."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from typing import Self

import numpy as np
from numpy.typing import NDArray


class ArrayStore:
    """Arrays of one shape, made once and kept on disk, so that memory stays flat.

    Use as a context manager. The file has no name once it is open, so the system frees it with the last use, however
    the process ends. It is read rather than mapped: pages of a map count as the process's memory.

    Args:
        arrays: uint8, each of `shape`; taken one at a time.
        shape: Of each array.
    """

    def __init__(self, arrays: Iterable[NDArray[np.uint8]], shape: tuple[int, ...]) -> None:
        self._shape = shape
        self._bytes = int(np.prod(shape))
        self._count = 0
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        try:
            for array in arrays:
                self._file.write(array.tobytes())
                self._count += 1
            self._file.flush()
        except BaseException:
            self._file.close()
            raise

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        if not 0 <= index < self._count:
            raise IndexError(f"there are {self._count} arrays, and none at {index}")
        return np.asarray(self.read(int(index), 1)[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()

    def read(self, first: int, count: int) -> NDArray[np.uint8]:
        """Read up to `count` arrays from `first` on, uint8 (n, *shape)."""
        content = os.pread(self._file.fileno(), self._bytes * count, self._bytes * first)
        return np.frombuffer(content, np.uint8).reshape(-1, *self._shape)
