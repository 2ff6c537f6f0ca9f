"""A clamp: slots above each other, a lever for each on the outside, a hole for its wire on the inside."""

import numpy as np
from numpy.random import Generator

from drawn_lines.drawing import Floats
from drawn_lines.pen import FINE, Pen
from drawn_lines.sprite import Sprite
from drawn_lines.surface import blend, dome, plain

WIDTH = 118
PITCH = 44
MARGIN = 10
SLOT_X = WIDTH / 2 - 14
"""From the clamp's middle to where the wires enter."""
LEVER_END = 62


def height_of(levers: int) -> int:
    """Height of a clamp, in pixels."""
    return PITCH * levers + 16


def slot_y(slot: int) -> float:
    """From the clamp's upper edge to the middle of a slot."""
    return 8 + (slot + 0.5) * PITCH


def clamp(rng: Generator, odd: Generator, levers: int, side: int, broken: int | None = None) -> Sprite:
    """A clamp of some levers.

    Args:
        rng: Draws its colours.
        odd: Draws how the lever broke.
        levers: How many.
        side: 0 for the left one, whose levers point to the left, 1 for its mirror image.
        broken: Index of a lever that broke, short or off.
    """
    size = (WIDTH + 2 * MARGIN, height_of(levers) + 2 * MARGIN)
    pen = Pen(*size)
    pen.rectangle((MARGIN, MARGIN, MARGIN + WIDTH, MARGIN + height_of(levers)), radius=7)
    body = pen.fine()
    lever, hole = np.zeros_like(body), Pen(*size)
    for slot in range(levers):
        top = MARGIN + 8 + slot * PITCH
        right = MARGIN + WIDTH
        hole.ellipse((right - 24, top + 12, right - 4, top + 32))
        hole.rectangle((MARGIN + 70, top + 16, MARGIN + 84, top + 28))
        if slot != broken:
            lever = np.maximum(lever, _lever(size, top, LEVER_END))
        elif odd.random() < 0.5:
            lever = np.maximum(lever, _stump(size, top, odd.uniform(28, 40)))
    grey = plain(np.array([0.56, 0.575, 0.59]) * rng.normal(1, 0.02), body)
    colour = blend(grey, np.array([0.93, 0.42, 0.07]) * rng.normal(1, 0.02), lever)
    colour *= (1 - 0.75 * hole.fine())[..., None]
    height = dome(body, 7) + dome(lever, 5) * 1.2 - 2 * hole.fine()
    sprite = Sprite(colour, body, height, 0.25, 22)
    return sprite.mirrored() if side else sprite


def _lever(size: tuple[int, int], top: float, end: float) -> Floats:
    """A lever of the slot that begins at `top`: float64 (h, w), 0..1."""
    pen = Pen(*size)
    pen.rectangle((MARGIN + 6, top + 5, MARGIN + end, top + PITCH - 5), radius=4)
    return pen.fine()


def _stump(size: tuple[int, int], top: float, end: float) -> Floats:
    """What is left of a lever, with a ragged edge: float64 (h, w), 0..1."""
    lever = _lever(size, top, end)
    rows, columns = np.mgrid[: lever.shape[0], : lever.shape[1]]
    edge = (MARGIN + end - 5) * FINE + 3 * FINE * np.sin(rows / (3.0 * FINE))
    return lever * (columns <= edge)
