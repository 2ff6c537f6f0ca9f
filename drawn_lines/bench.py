"""A bench: black rings, pale bars, brass caps and a red plug, loose, under a lamp at one side."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.random import Generator

from drawn_lines.blemish import stain_part
from drawn_lines.camera import Camera
from drawn_lines.drawing import Drawing, DrawnLine, Floats
from drawn_lines.pen import FINE, WHITE, Pen
from drawn_lines.sprite import Pose, Shadow, Sprite, lay, place_of
from drawn_lines.surface import dome, noise, plain

SHAPE = (480, 600)
PARTS = ("ring", "ring", "bar", "bar", "cap", "cap", "plug")
MARGIN, APART = 60, 105
"""Distances of the parts' centres, in pixels: from the edges, and from each other."""
SHADOW = Shadow(0.35, 5, 4)
GREASE = (0.20, 0.15, 0.08)


def draw(rng: Generator, odd: Generator, kind: str | None) -> Drawing:
    """Draw a bench; see `DrawnLine.draw`."""
    image, mask = _bench(rng), np.zeros(SHAPE, bool)
    places = _places(rng, len(PARTS) + 1)
    odd_part = int(odd.integers(len(PARTS)))
    for part, own in enumerate(rng.spawn(len(PARTS))):
        pose = Pose(*places[part], own.uniform(0, 360))
        flaw = kind if part == odd_part else None
        if flaw == "missing":
            mask |= place_of(_part(own, PARTS[part]), pose, SHAPE)
        elif flaw == "swapped":
            other = str(odd.choice([name for name in SHAPES if name != PARTS[part]]))
            mask |= place_of(_part(own, PARTS[part]), pose, SHAPE) | lay(image, _part(odd, other), pose, SHADOW)
        elif flaw == "chipped":
            whole = _part(own, PARTS[part])
            lay(image, _chipped(whole, odd), pose, SHADOW)
            mask |= place_of(whole, pose, SHAPE)
        else:
            place = lay(image, _part(own, PARTS[part]), pose, SHADOW)
            if flaw == "greased":
                mask |= stain_part(image, odd, place, (14, 22), GREASE, 0.8)
    if kind == "extra":
        mask |= lay(image, _part(odd, PARTS[odd_part]), Pose(*places[-1], odd.uniform(0, 360)), SHADOW)
    return Drawing(image, mask)


def _places(rng: Generator, count: int) -> list[tuple[float, float]]:
    """Centres (x, y) that are apart from each other."""
    found: list[tuple[float, float]] = []
    while len(found) < count:
        x, y = rng.uniform(MARGIN, SHAPE[1] - MARGIN), rng.uniform(MARGIN, SHAPE[0] - MARGIN)
        if all(np.hypot(x - other_x, y - other_y) > APART for other_x, other_y in found):
            found.append((x, y))
    return found


def _chipped(sprite: Sprite, odd: Generator) -> Sprite:
    """Break a round piece out of a part's edge."""
    rows, columns = np.nonzero(sprite.alpha > 0.5)
    angle = odd.uniform(0, 2 * np.pi)
    farthest = int(np.argmax(columns * np.cos(angle) + rows * np.sin(angle)))
    y, x = np.mgrid[: sprite.alpha.shape[0], : sprite.alpha.shape[1]]
    gone = np.hypot(x - columns[farthest], y - rows[farthest]) < odd.uniform(12, 16) * FINE
    return Sprite(sprite.colour, sprite.alpha * ~gone, sprite.height * ~gone, sprite.gloss, sprite.shine)


def _part(rng: Generator, name: str) -> Sprite:
    return SHAPES[name](rng)


def _ring(rng: Generator) -> Sprite:
    pen = Pen(62, 62)
    pen.ring((4, 4, 58, 58), 11, WHITE)
    return _sprite(rng, pen.fine(), (0.07, 0.07, 0.08), 5, 0.15)


def _bar(rng: Generator) -> Sprite:
    pen = Pen(100, 24)
    pen.rectangle((3, 3, 97, 21), radius=4)
    return _sprite(rng, pen.fine(), (0.66, 0.67, 0.69), 3, 0.1)


def _cap(rng: Generator) -> Sprite:
    pen = Pen(54, 54)
    pen.ellipse((3, 3, 51, 51))
    return _sprite(rng, pen.fine(), (0.72, 0.55, 0.14), 6, 0.3)


def _plug(rng: Generator) -> Sprite:
    pen = Pen(58, 58)
    pen.rectangle((4, 4, 54, 54), radius=8)
    return _sprite(rng, pen.fine(), (0.62, 0.12, 0.10), 5, 0.2)


SHAPES: Mapping[str, Callable[[Generator], Sprite]] = {"ring": _ring, "bar": _bar, "cap": _cap, "plug": _plug}


def _sprite(rng: Generator, alpha: Floats, colour: tuple[float, float, float], bevel: float, gloss: float) -> Sprite:
    shade = np.array(colour) * rng.normal(1, 0.03) + rng.normal(0, 0.008, 3)
    return Sprite(plain(shade, alpha), alpha, dome(alpha, bevel), gloss, 25)


def _bench(rng: Generator) -> Floats:
    """The empty bench: float64 (H, W, 3)."""
    grain = 0.012 * noise(SHAPE, 3, rng) + 0.02 * noise(SHAPE, 80, rng)
    return np.array([0.58, 0.59, 0.57]) * (1 + grain)[..., None]


LINE = DrawnLine(("missing", "extra", "swapped"), ("chipped", "greased"), Camera(gradient=0.16), draw)
