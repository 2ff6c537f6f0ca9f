"""Work that needs a server is tried again while the server may come back, and not when that cannot help."""

import logging
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self, TypeVar

from csad.common.errors import StageError

T = TypeVar("T")

VARIABLE = "CSAD_PATIENCE"
"""Seconds for which a task waits for a server that is away: nobody starts it again, as a person does with a command."""

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
FIRST_WORD = 1.0
"""Seconds after which the log says that something is tried again, and what."""
NEXT_WORD = 30.0
"""Seconds after which it says so again."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """How long to go on.

    Attributes:
        seconds: After the first failure no new attempt starts later than this.
        attempts: But there are at least so many.
    """

    seconds: float
    attempts: int = 1

    def in_task(self) -> Self:
        """These, or as many seconds as CSAD_PATIENCE asks for, where that is more.

        Raises:
            StageError: CSAD_PATIENCE is no number of seconds.
        """
        text = os.environ.get(VARIABLE, "").strip() or "0"
        try:
            seconds = float(text)
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds <= 86_400:
            raise StageError(f"{VARIABLE} is {text!r}; expected seconds from 0 to 86400, such as 300")
        return replace(self, seconds=max(self.seconds, seconds))


def keep_trying(work: Callable[[], T], passing: Callable[[Exception], str | None], what: str, patience: Patience) -> T:
    """Do some work; failures that may pass are tried again, with growing, uneven pauses.

    Args:
        work: Does it once; safe to repeat.
        passing: What a failure is, in words, where the same work may succeed later; None where it never will.
        what: Such as "read models/a from the store at http://s3:8333", for the log.
        patience: When to give up.

    Raises:
        Exception: The last failure, as the work raised it.
        StageError: CSAD_PATIENCE is no number of seconds.

    Example:
        >>> keep_trying(lambda: 7, lambda error: None, "count", Patience(seconds=6))
        7
    """
    limit = patience.in_task()
    pause, attempt = FIRST_PAUSE, 0
    failed_at: float | None = None
    said_at: float | None = None
    while True:
        attempt += 1
        try:
            result = work()
        except Exception as error:
            reason = passing(error)
            now = time.monotonic()
            failed_at = now if failed_at is None else failed_at
            if reason is None or (attempt >= limit.attempts and now - failed_at >= limit.seconds):
                raise
            if now - failed_at >= FIRST_WORD and (said_at is None or now - said_at >= NEXT_WORD):
                left = max(0.0, limit.seconds - (now - failed_at))
                _log.warning("cannot %s: %s; trying again for up to %.0f s", what, reason, left)
                said_at = now
        else:
            if said_at is not None and failed_at is not None:
                _log.warning("could %s after %.0f s", what, time.monotonic() - failed_at)
            return result
        time.sleep(pause * random.uniform(0.5, 1))
        pause = min(2 * pause, LONGEST_PAUSE)
