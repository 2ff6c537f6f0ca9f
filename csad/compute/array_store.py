"""Arrays on disk rather than in memory: what there is one of per training image."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Self

import numpy as np
from numpy.typing import NDArray

from csad.common.errors import CsadError


class ArrayStore:
    """Arrays of one shape, made once and kept on disk, so that memory stays flat.

    Use as a context manager. The file has no name once it is open, so the system frees it with the last use, however
    the process ends. It is read rather than mapped: pages of a map count as the process's memory.

    Args:
        arrays: uint8, each of `shape`; taken one at a time.
        shape: Shape of each array.

    Raises:
        CsadError: The temporary folder is full or refuses.
    """

    def __init__(self, arrays: Iterable[NDArray[np.uint8]], shape: tuple[int, ...]) -> None:
        self._shape = shape
        self._bytes = int(np.prod(shape))
        self._count = 0
        # Without a buffer, for what is left in one would meet a full disk once more when the file is closed.
        with _naming_temporary_folder():
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed by __exit__
        try:
            for array in arrays:
                self.append(array)
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

    def append(self, array: NDArray[np.uint8]) -> None:
        """Keep one more.

        Raises:
            CsadError: The temporary folder is full or refuses.
        """
        content = memoryview(array.tobytes())
        with _naming_temporary_folder():
            while content:
                content = content[self._file.write(content) :]
        self._count += 1

    def read(self, first: int, count: int) -> NDArray[np.uint8]:
        """Read up to `count` arrays from `first` on, uint8 (n, *shape)."""
        content = os.pread(self._file.fileno(), self._bytes * count, self._bytes * first)
        return np.frombuffer(content, np.uint8).reshape(-1, *self._shape)


@contextmanager
def _naming_temporary_folder() -> Iterator[None]:
    """Say where it was that the disk refused, for nobody chose that folder."""
    try:
        yield
    except OSError as error:
        raise CsadError(
            f"cannot keep images in {tempfile.gettempdir()}: {error.strerror}; free some space there "
            "or name a larger folder in the environment variable TMPDIR"
        ) from error
