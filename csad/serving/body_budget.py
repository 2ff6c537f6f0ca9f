"""A bound on the bytes of all request bodies together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from csad.serving.problems import overloaded

RETRY_SECONDS = 1


class BodyBudget:
    """Bytes that the bodies of all requests may hold at the same time; used by one event loop.

    Args:
        most: At least the largest body, so that one request is always possible.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0

    @contextmanager
    def reserve(self) -> Iterator[BodyReservation]:
        """One request's reservation, given back when the block ends."""
        reservation = BodyReservation(self)
        try:
            yield reservation
        finally:
            self._held -= reservation.held

    def take(self, count: int) -> None:
        """Reserve bytes.

        Raises:
            Problem: 429 when they would be too many.
        """
        if self._held + count > self._most:
            raise overloaded(f"other requests hold {self._held:,} bytes of {self._most:,}", RETRY_SECONDS)
        self._held += count


class BodyReservation:
    """What one request has reserved of a budget.

    Attributes:
        held: Bytes.
    """

    def __init__(self, budget: BodyBudget) -> None:
        self.held = 0
        self._budget = budget

    def grow_to(self, count: int) -> None:
        """Hold at least as many bytes.

        Raises:
            Problem: 429 when all requests together would hold too many.
        """
        more = count - self.held
        if more > 0:
            self._budget.take(more)
            self.held = count
