"""Screws, nuts and washers."""

import numpy as np
from numpy.random import Generator

from drawn_lines.pen import FINE, Pen
from drawn_lines.sprite import Sprite
from drawn_lines.surface import dome, plain

FASTENERS = {"long screw": 90, "short screw": 60, "nut": 38, "washer": 38}
"""How far each reaches from its middle at most, in pixels."""
LENGTHS = {"long screw": 150, "short screw": 92}
RING = 52
HOLE = (15, 15, 37, 37)
GLOSS, SHINE = 0.5, 18


def fastener(rng: Generator, name: str, bend: float = 0.0) -> Sprite:
    """A part of one of `FASTENERS`; `bend` bends a screw up or down, about 1 is much, and breaks a ring open."""
    if name in LENGTHS:
        return _screw(rng, LENGTHS[name], bend)
    return _nut(rng, bend) if name == "nut" else _washer(rng, bend)


def _screw(rng: Generator, length: int, bend: float) -> Sprite:
    """A screw with its head on the left."""
    width, height = length + 20, 90 if bend else 40
    middle = height / 2
    along = np.linspace(0, 1, 60)
    across = middle + bend * np.clip(along - 0.45, 0, 1) ** 1.3 * 60
    shaft_pen, head_pen = Pen(width, height), Pen(width, height)
    shaft_pen.line(zip(22 + along * (length - 14), across, strict=True), 11)
    head_pen.rectangle((8, middle - 12, 23, middle + 12), radius=4)
    shaft, head = shaft_pen.fine(), head_pen.fine()
    alpha = np.maximum(shaft, head)
    rows, columns = np.mgrid[: alpha.shape[0], : alpha.shape[1]] / FINE
    thread = 0.9 * np.sin(2 * np.pi * (columns + 0.25 * (rows - middle)) / 4.0) * (shaft > 0) * (columns > 36)
    relief = dome(shaft, 5.5) + thread + dome(head, 6) * 1.2
    return Sprite(plain(np.array([0.66, 0.67, 0.69]) * rng.normal(1, 0.03), alpha), alpha, relief, GLOSS, SHINE)


def _nut(rng: Generator, bend: float) -> Sprite:
    angles = np.arange(6) * np.pi / 3
    pen = Pen(RING, RING)
    pen.polygon([(26 + 21 * np.cos(angle), 26 + 21 * np.sin(angle)) for angle in angles])
    return _ring(rng, pen, bend, (0.70, 0.58, 0.34), bevel=4)


def _washer(rng: Generator, bend: float) -> Sprite:
    pen = Pen(RING, RING)
    pen.ellipse((4, 4, 48, 48))
    return _ring(rng, pen, bend, (0.73, 0.73, 0.73), bevel=1.6)


def _ring(rng: Generator, pen: Pen, bend: float, colour: tuple[float, float, float], bevel: float) -> Sprite:
    """A drawn shape with a hole in its middle, and with a gap on the right if it is bent open."""
    pen.ellipse(HOLE, 0)
    alpha = pen.fine()
    if bend:
        rows, columns = np.mgrid[: alpha.shape[0], : alpha.shape[1]]
        alpha = alpha * ~((columns > 30 * FINE) & (np.abs(rows - 26 * FINE) < 5 * FINE))
    painted = plain(np.array(colour) * rng.normal(1, 0.03), alpha)
    return Sprite(painted, alpha, dome(alpha, bevel), 0.45, SHINE)
