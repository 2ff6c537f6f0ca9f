"""Bags: two long and two short screws, two nuts and two washers, thrown into a bag whose wrinkles shine."""

import numpy as np
from numpy.random import Generator

from drawn_lines.blemish import stain_part
from drawn_lines.camera import Camera
from drawn_lines.drawing import Drawing, DrawnLine, Floats, Mask
from drawn_lines.fastener import FASTENERS, fastener
from drawn_lines.film import Film, cover
from drawn_lines.sprite import Pose, Shadow, lay, place_of
from drawn_lines.surface import box

SHAPE = (720, 600)
PARTS = tuple(name for name in FASTENERS for _ in range(2))
SHADOW = Shadow(0.4, 5, 4)
RUST = (0.40, 0.16, 0.05)
INSIDE = (slice(150, 660), slice(90, 510))
"""Where a missing part might lie."""


def draw(rng: Generator, odd: Generator, kind: str | None) -> Drawing:
    """Draw a filled bag; see `DrawnLine.draw`."""
    film = Film.draw(rng, SHAPE)
    image, mask = film.empty.copy(), np.zeros(SHAPE, bool)
    heap = np.array([rng.uniform(250, 350), rng.uniform(430, 500)])
    odd_part = int(odd.integers(len(PARTS)))
    children = rng.spawn(len(PARTS))
    order = [int(part) for part in rng.permutation(len(PARTS)) if part != odd_part]
    for part in order:
        own = children[part]
        pose = _fall(own, heap, film, PARTS[part])
        lay(image, fastener(own, PARTS[part]), pose, SHADOW)
    # The odd part is the uppermost, so that no other part hides what is wrong with it.
    mask |= _lay_odd_part(image, children[odd_part], odd, kind, PARTS[odd_part], heap, film)
    if kind == "extra":
        pose = _fall(odd, heap, film, PARTS[odd_part])
        mask |= lay(image, fastener(odd, PARTS[odd_part]), pose, SHADOW)
    return Drawing(cover(image, film, rng), mask)


def _lay_odd_part(
    image: Floats, own: Generator, odd: Generator, kind: str | None, right: str, heap: Floats, film: Film
) -> Mask:
    """Lay the part that the defect is about, if any, into the image, in place; returns the mask, bool (H, W)."""
    if kind == "missing":
        return box(SHAPE, *INSIDE)
    shown = str(odd.choice([name for name in FASTENERS if name != right])) if kind == "swapped" else right
    bend = odd.choice([-1, 1]) * odd.uniform(0.9, 1.6) if kind == "bent part" else 0.0
    fallen = own.normal(size=2)
    angle = own.uniform(0, 360)
    pose = _settled(fallen, angle, heap, film, shown)
    place = lay(image, fastener(own, shown, bend), pose, SHADOW)
    if kind in ("swapped", "bent part"):
        return place | place_of(fastener(odd, right), _settled(fallen, angle, heap, film, right), SHAPE)
    if kind == "stained part":
        return stain_part(image, odd, place, (14, 24), RUST, 0.8)
    return np.zeros(SHAPE, bool)


def _fall(rng: Generator, heap: Floats, film: Film, name: str) -> Pose:
    """How a part comes to lie in the bag."""
    return _settled(rng.normal(size=2), rng.uniform(0, 360), heap, film, name)


def _settled(fallen: Floats, angle: float, heap: Floats, film: Film, name: str) -> Pose:
    """Keep a part inside the bag: `fallen` (2,) is its distance from the heap in standard deviations."""
    x, y = heap + fallen * [105, 110]
    reach = FASTENERS[name]
    x = np.clip(x, film.left + reach, film.right - reach)
    return Pose(float(x), float(np.clip(y, film.top + 60 + reach, film.bottom - reach)), angle)


LINE = DrawnLine(("missing", "extra", "swapped"), ("bent part", "stained part"), Camera(jitter=4.0, degrees=1.0), draw)
