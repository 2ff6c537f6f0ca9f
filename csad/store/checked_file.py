"""A file on its way to the store."""

import hashlib
import io
from pathlib import Path
from typing import BinaryIO

from csad.common.errors import StoreError


class CheckedFile(io.RawIOBase):
    """Gives out a file's bytes, the last of them only if all are the expected ones: the store never gets the end."""

    def __init__(self, file: BinaryIO, size: int, sha256: str, path: Path) -> None:
        """Read from the start.

        Args:
            file: Opened for reading.
            size: Bytes that it has.
            sha256: Digest that it is to have.
            path: Names it in messages.
        """
        super().__init__()
        self._file, self._left, self._expected, self._path = file, size, sha256, path
        self._digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes.

        Raises:
            StoreError: The file is not the one that was to be stored.
        """
        piece = self._file.read(size)
        self._digest.update(piece)
        self._left -= len(piece)
        cut = not piece and self._left > 0
        if cut or (self._left <= 0 and self._digest.hexdigest() != self._expected):
            raise StoreError(f"{self._path} changed while it was stored; nothing of it was kept, run again")
        return piece
