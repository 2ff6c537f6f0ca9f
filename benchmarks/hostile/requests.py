"""Hostile requests, of all kinds in turn."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.hostile import bodies, protocol

UNFINISHED = frozenset({"wrong_headers", "wrong_line", "wrong_length", "broken_chunks"})
"""Kinds that may leave the server waiting for more."""


@dataclass(frozen=True)
class Hostile:
    """One request.

    Attributes:
        kind: What is wrong with it.
        raw: The bytes that are sent.
    """

    kind: str
    raw: bytes


def hostile_requests(count: int, seed: int = 0) -> Iterator[Hostile]:
    """Make requests, kinds in turn."""
    generator = random.Random(seed)
    kinds = (
        bodies.random_bytes,
        bodies.mutated_image,
        bodies.truncated_image,
        bodies.enormous_image,
        bodies.foreign_format,
        bodies.broken_form,
        bodies.wrong_form,
        bodies.broken_json,
        bodies.wrong_json,
        protocol.wrong_headers,
        protocol.wrong_line,
        protocol.wrong_length,
        protocol.broken_chunks,
    )
    for index in range(count):
        make: Callable[[random.Random], bytes] = kinds[index % len(kinds)]
        yield Hostile(make.__name__, make(generator))
