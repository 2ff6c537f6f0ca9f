"""One run at a time on one output."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from csad.common.errors import StageError

FILE = ".lock"
PATIENCE = 2.0
"""Seconds that the tasks of a killed run get to end."""
NO_HOLDER = 0.1
"""Seconds after which a lock is surely held by a run: two tasks that look at a free one do so for microseconds."""
POLL = 0.02


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold a folder for this process; the system lets go of it when the process ends, however it ends.

    Args:
        folder: The folder; it must exist.

    Raises:
        StageError: Another run holds it; the message names its process.
    """
    lock = FileLock(folder / FILE, timeout=PATIENCE)
    try:
        lock.acquire(poll_interval=POLL)
    except Timeout:
        holder = (folder / FILE).read_text().strip() or "unknown"
        raise StageError(
            f"another run (process {holder}) is working in {folder}; wait for it to end, or choose another output"
        ) from None
    try:
        (folder / FILE).write_text(str(os.getpid()))
        yield
    finally:
        lock.release()


def end_with_holder(folder: Path) -> None:
    """End this process when the one that holds a folder ends, so that a killed run leaves no task at work.

    Does nothing where no process holds the folder.
    """
    if not (folder / FILE).is_file():
        return
    lock = FileLock(folder / FILE, thread_local=False)
    try:
        lock.acquire(timeout=NO_HOLDER, poll_interval=POLL)
    except Timeout:
        threading.Thread(target=_wait_and_end, args=(lock,), daemon=True).start()
    else:
        lock.release()


def _wait_and_end(lock: FileLock) -> None:
    lock.acquire(poll_interval=POLL)
    os._exit(1)
