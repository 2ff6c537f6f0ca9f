"""One run at a time on one output."""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from csad.common.errors import StageError

FILE = ".lock"
PATIENCE = 2.0
"""Seconds that the tasks of a killed run get to end."""


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold a folder for this process; the system lets go of it when the process ends, however it ends.

    Args:
        folder: The folder; it must exist.

    Raises:
        StageError: Another run holds it; the message names its process.
    """
    with (folder / FILE).open("a+") as stream:
        deadline = time.monotonic() + PATIENCE
        while not _try(stream, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                stream.seek(0)
                raise StageError(
                    f"another run (process {stream.read().strip() or 'unknown'}) is working in {folder}; "
                    "wait for it to end, or choose another output"
                )
            time.sleep(0.05)
        stream.truncate(0)
        stream.write(str(os.getpid()))
        stream.flush()
        yield


def end_with_holder(folder: Path) -> None:
    """End this process when the one that holds a folder ends, so that a killed run leaves no task at work.

    Does nothing where no process holds the folder.
    """
    if not (folder / FILE).is_file():
        return
    stream = (folder / FILE).open("a+")
    if _try(stream, fcntl.LOCK_SH):
        stream.close()
        return

    def wait() -> None:
        fcntl.flock(stream, fcntl.LOCK_SH)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _try(stream: IO[str], operation: int) -> bool:
    try:
        fcntl.flock(stream, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
