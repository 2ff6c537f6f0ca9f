"""Progress of long loops: a bar with the time left on a terminal, at most ten log lines elsewhere."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from csad.common.humanize import duration

T = TypeVar("T")

LINES = 10
QUIET_SECONDS = 2.0

_log = logging.getLogger(__name__)
_shown: list[Progress] = []


def track(iterable: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield the items of an iterable and show how far it got, on stderr.

    Args:
        iterable: What to walk through.
        description: What is being done, such as "Scoring".
        total: Number of items; taken from the iterable where it has a length.
    """
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    if sys.stderr.isatty():
        return _on_a_terminal(iterable, description, total)
    return _in_a_log(iterable, description, total)


def _on_a_terminal(iterable: Iterable[T], description: str, total: int | None) -> Iterator[T]:
    if _shown:
        yield from _shown[0].track(iterable, total=total, description=description)
        return
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    with progress:
        _shown.append(progress)
        try:
            yield from progress.track(iterable, total=total, description=description)
        finally:
            _shown.remove(progress)


def _in_a_log(iterable: Iterable[T], description: str, total: int | None) -> Iterator[T]:
    """Log the last item always, and before it every tenth part that is not reached at once."""
    start = logged_at = time.monotonic()
    next_line = 1
    count = 0
    for item in iterable:
        yield item
        count += 1
        now = time.monotonic()
        if total and count < total and count * LINES >= next_line * total and now - logged_at >= QUIET_SECONDS:
            remaining = (now - start) / count * (total - count)
            _log.info("%s: %d of %d, %s left", description, count, total, duration(round(remaining)))
            next_line = count * LINES // total + 1
            logged_at = now
    if count:
        _log.info("%s: %d done in %s", description, count, duration(round(time.monotonic() - start)))
