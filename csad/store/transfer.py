"""Many transfers at a time, with progress and flat memory."""

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from csad.store.client import WORKERS

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 4 * WORKERS


def in_parallel(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Yield the result for each item, in order; the first failure ends it all.

    Args:
        work: Done by several threads.
        items: Taken a few ahead of the results, so that any number of them needs no more memory.
    """
    remaining = iter(items)
    running: deque[Future[R]] = deque()
    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            running.extend(pool.submit(work, item) for item in itertools.islice(remaining, AHEAD))
            while running:
                yield running.popleft().result()
                running.extend(pool.submit(work, item) for item in itertools.islice(remaining, 1))
        finally:
            for future in running:
                future.cancel()
