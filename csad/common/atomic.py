"""Files that are either whole or absent."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary sibling to write to; it takes the place of `path` when the block ends without an error.

    A full disk or a killed process leaves what `path` held before.

    Args:
        path: The file to write; its folder is created.

    Yields:
        Path of the temporary file, empty and with the suffix of `path`.

    Raises:
        OSError: The folder is read-only or full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text whole or not at all.

    Raises:
        OSError: The folder is read-only or full.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
