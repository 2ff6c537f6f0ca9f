"""Rows of an image, a few at a time: arithmetic on a whole one takes many times its memory."""

from __future__ import annotations

from collections.abc import Iterator

STRIP_PIXELS = 2**18
"""Small enough for the processor's cache, and for little memory at a hundred bytes a pixel."""


def strips(height: int, width: int) -> Iterator[slice]:
    """Divide an image of this size into slices of its rows, at least one row each."""
    rows = max(1, STRIP_PIXELS // max(1, width))
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))
