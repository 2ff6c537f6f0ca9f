"""Labels: a printed label on a tea box; nothing moves but by the machine's tolerance, nothing varies but the light."""

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from drawn_lines.artwork import LOGO_BOX, SYMBOL_BOXES, printed
from drawn_lines.blemish import scratch, stain
from drawn_lines.camera import Camera
from drawn_lines.drawing import Drawing, DrawnLine, Floats, Mask
from drawn_lines.surface import blend, box, noise

SHAPE = (420, 640)
CARD = (slice(40, 380), slice(60, 580))
LEFT, TOP = 105, 75
MARGIN = 2
SMUDGES = ((0.35, 0.3, 0.25), (0.2, 0.25, 0.5))


def draw(rng: Generator, odd: Generator, kind: str | None) -> Drawing:
    """Draw a labelled box; see `DrawnLine.draw`."""
    card = box(SHAPE, *CARD).astype(float)
    image, mask = _box(rng, card), np.zeros(SHAPE, bool)
    left, top = LEFT + rng.normal(0, 0.8), TOP + rng.normal(0, 0.8)
    logo, missing = "leaf", None
    if kind == "swapped logo":
        logo = "star"
        mask |= _on_label(LOGO_BOX, left, top)
    if kind == "missing symbol":
        missing = int(odd.integers(len(SYMBOL_BOXES)))
        mask |= _on_label(SYMBOL_BOXES[missing], left, top)
    label = printed(logo, missing)
    if kind == "label shifted":
        mask |= _label_area(label, left, top)
        across, down = odd.choice([-1, 1], 2) * odd.uniform(8, 22, 2)
        left, top = left + across, top + down
        mask |= _label_area(label, left, top)
    _stick(image, label, left, top, rng)
    if kind == "scratch":
        x, y = odd.uniform(140, 500), odd.uniform(100, 330)
        mask |= scratch(image, odd, x, y, odd.uniform(40, 120), width=1.3)
    if kind == "smudge":
        x, y = odd.uniform(140, 500), odd.uniform(100, 330)
        mask |= stain(image, odd, x, y, odd.uniform(12, 26), odd.choice(SMUDGES), 0.45)
    return Drawing(image + (_glare(rng) * card)[..., None], mask)


def _box(rng: Generator, card: Floats) -> Floats:
    """The box of cardboard on a dark table, without a label: float64 (H, W, 3) for its place (H, W)."""
    grain = 1 + 0.08 * noise(SHAPE, 3, rng) + 0.1 * noise(SHAPE, 120, rng)
    table = np.array([0.17, 0.17, 0.18]) * grain[..., None]
    shadow = ndimage.gaussian_filter(ndimage.shift(card, (9, 7), order=0), 7)
    table *= (1 - 0.6 * shadow)[..., None]
    fibre = 1 + 0.012 * noise(SHAPE, 2, rng) + 0.01 * noise(SHAPE, 40, rng)
    cardboard = np.array([0.66, 0.53, 0.38]) * rng.normal(1, 0.02) * fibre[..., None]
    edge = np.clip(card - ndimage.gaussian_filter(card, 3), 0, 1)[..., None]
    return blend(table, cardboard * (1 - 0.3 * edge), ndimage.gaussian_filter(card, 0.8))


def _stick(image: Floats, label: Floats, left: float, top: float, rng: Generator) -> None:
    """Put a label (h, w, 3) on an image (H, W, 3), in place, at fractions of pixels."""
    fraction = (top - int(top), left - int(left))
    paper = np.pad(label, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), mode="edge")
    paper = ndimage.shift(paper, (*fraction, 0), order=1, mode="nearest")
    alpha = ndimage.shift(np.pad(np.ones(label.shape[:2]), MARGIN), fraction, order=1)
    paper *= (1 + 0.012 * noise(alpha.shape, 3, rng))[..., None] * (1 + rng.normal(0, 0.01, 3))
    area = _area(label, left, top)
    image[area] = blend(image[area], paper, alpha)


def _area(label: Floats, left: float, top: float) -> tuple[slice, slice]:
    """Rows and columns of a label with its margin."""
    first_row, first_column = int(top) - MARGIN, int(left) - MARGIN
    rows = slice(first_row, first_row + label.shape[0] + 2 * MARGIN)
    return rows, slice(first_column, first_column + label.shape[1] + 2 * MARGIN)


def _label_area(label: Floats, left: float, top: float) -> Mask:
    return box(SHAPE, *_area(label, left, top))


def _on_label(place: tuple[int, int, int, int], left: float, top: float) -> Mask:
    """A box (left, top, right, bottom) of the label in the picture: bool (H, W)."""
    x, y = int(left), int(top)
    return box(SHAPE, slice(y + place[1], y + place[3]), slice(x + place[0], x + place[2]))


def _glare(rng: Generator) -> Floats:
    """A streak of light that wanders from picture to picture: float64 (H, W)."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return np.exp(-(((columns * 0.5 + rows - rng.uniform(200, 560)) / 90.0) ** 2)) * rng.uniform(0.0, 0.07)


LINE = DrawnLine(
    ("swapped logo", "missing symbol", "label shifted"),
    ("scratch", "smudge"),
    Camera(jitter=2.0, degrees=0.25, gain=0.07, gradient=0.05),
    draw,
)
