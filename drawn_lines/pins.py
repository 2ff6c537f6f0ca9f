"""Push pins: one in each compartment of a tray, turned as it fell."""

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from drawn_lines.blemish import scratch, stain
from drawn_lines.camera import Camera
from drawn_lines.drawing import Drawing, DrawnLine, Floats, Mask
from drawn_lines.pen import FINE, Pen
from drawn_lines.sprite import Pose, Shadow, Sprite, lay, place_of
from drawn_lines.surface import blend, box, diffuse, dome, noise, normals, plain

SHAPE = (460, 720)
ROWS, COLUMNS = 3, 5
LEFT, TOP, CELL_WIDTH, CELL_HEIGHT = 45, 40, 126, 127
PIN_WIDTH, PIN_HEIGHT = 84, 34
SHADOW = Shadow(0.4, 4, 3)
STAINS = ((0.25, 0.15, 0.08), (0.1, 0.1, 0.1), (0.2, 0.25, 0.5))


def draw(rng: Generator, odd: Generator, kind: str | None) -> Drawing:
    """Draw a tray of pins; see `DrawnLine.draw`."""
    image, mask = _tray(rng), np.zeros(SHAPE, bool)
    odd_row, odd_column = int(odd.integers(ROWS)), int(odd.integers(COLUMNS))
    odd_x, odd_y = _centre(odd_row, odd_column)
    for cell, own in enumerate(rng.spawn(ROWS * COLUMNS)):
        row, column = divmod(cell, COLUMNS)
        pose = _fall(own, *_centre(row, column))
        flaw = kind if (row, column) == (odd_row, odd_column) else None
        if flaw == "missing pin":
            mask |= _inside(row, column)
        elif flaw == "two pins":
            mask |= lay(image, _pin(own), Pose(pose.x - 14, pose.y - 10, pose.angle), SHADOW)
            mask |= lay(image, _pin(odd), _fall(odd, odd_x + 14, odd_y + 10), SHADOW)
        elif flaw == "broken pin":
            mask |= place_of(_pin(odd), pose, SHAPE) | lay(image, _broken_pin(own, odd), pose, SHADOW)
        else:
            lay(image, _pin(own), pose, SHADOW)
    if kind == "stain":
        x, y = odd_x + odd.uniform(-25, 25), odd_y + odd.uniform(-25, 25)
        mask |= stain(image, odd, x, y, odd.uniform(10, 22), odd.choice(STAINS), 0.75)
    if kind == "scratch":
        mask |= scratch(image, odd, odd_x, odd_y, odd.uniform(50, 110))
    return Drawing(image, mask)


def _centre(row: int, column: int) -> tuple[float, float]:
    return LEFT + (column + 0.5) * CELL_WIDTH, TOP + (row + 0.5) * CELL_HEIGHT


def _inside(row: int, column: int) -> Mask:
    """The ground of a compartment: bool (H, W)."""
    x, y = _centre(row, column)
    rows = slice(int(y - CELL_HEIGHT / 2) + 8, int(y + CELL_HEIGHT / 2) - 8)
    return box(SHAPE, rows, slice(int(x - CELL_WIDTH / 2) + 8, int(x + CELL_WIDTH / 2) - 8))


def _fall(rng: Generator, x: float, y: float) -> Pose:
    """How a pin comes to lie near a point."""
    return Pose(x + rng.uniform(-9, 9), y + rng.uniform(-9, 9), rng.uniform(0, 360))


def _pin(rng: Generator) -> Sprite:
    """A pin that lies on its side, its needle to the left."""
    return _assembled(rng, _body(), _needle(4))


def _broken_pin(rng: Generator, odd: Generator) -> Sprite:
    """A pin whose needle broke off, and sometimes half its head, too."""
    body = _body()
    if odd.random() < 0.5:
        rows, columns = np.mgrid[: body.shape[0], : body.shape[1]]
        body = body * (columns <= 62 * FINE + 5 * FINE * np.abs(np.sin(rows / (4.0 * FINE))))
    return _assembled(rng, body, _needle(22))


def _body() -> Floats:
    """Collar, grip and head: float64 (h, w), 0..1."""
    middle = PIN_HEIGHT / 2
    pen = Pen(PIN_WIDTH, PIN_HEIGHT)
    pen.rectangle((34, middle - 7, 40, middle + 7), radius=2)
    pen.polygon([(40, middle - 4.5), (66, middle - 6), (66, middle + 6), (40, middle + 4.5)])
    pen.rectangle((64, middle - 11, 74, middle + 11), radius=3)
    return pen.fine()


def _needle(tip: float) -> Floats:
    """The needle from where it ends on the left: float64 (h, w), 0..1."""
    middle = PIN_HEIGHT / 2
    upper = [(tip, middle), (tip + 6, middle - 1.6), (36, middle - 1.8)]
    pen = Pen(PIN_WIDTH, PIN_HEIGHT)
    pen.polygon([*upper, (36, middle + 1.8), (tip + 6, middle + 1.6)])
    return pen.fine()


def _assembled(rng: Generator, body: Floats, needle: Floats) -> Sprite:
    needle = needle * (body < 0.5)
    colour = plain(np.array([0.93, 0.74, 0.08]) * rng.normal(1, 0.03) + rng.normal(0, 0.012, 3), body)
    colour[needle > 0] = 0.62
    return Sprite(colour, np.maximum(body, needle), dome(body, 8) + dome(needle, 1.8), 0.35, 25)


def _tray(rng: Generator) -> Floats:
    """The empty tray on a dark table: float64 (H, W, 3)."""
    table = np.array([0.30, 0.33, 0.36]) * (1 + 0.02 * noise(SHAPE, 60, rng))[..., None]
    height = np.full(SHAPE, 6.0)
    for row in range(ROWS):
        for column in range(COLUMNS):
            x, y = LEFT + column * CELL_WIDTH, TOP + row * CELL_HEIGHT
            height[y + 6 : y + CELL_HEIGHT - 6, x + 6 : x + CELL_WIDTH - 6] = 0
    height = ndimage.gaussian_filter(height, 2.0)
    walls = height > 3
    base = np.where(walls[..., None], np.array([0.78, 0.79, 0.80]), np.array([0.70, 0.715, 0.73]))
    tray = ndimage.gaussian_filter(base, (1, 1, 0)) * (0.42 + 0.85 * diffuse(normals(height)))[..., None]
    soft = ndimage.gaussian_filter(walls.astype(float), 3)
    shade = np.clip(ndimage.shift(soft, (6, 5), order=1) - soft, 0, 1)
    tray *= (1 - 0.35 * shade)[..., None]
    rows = slice(TOP - 8, TOP + ROWS * CELL_HEIGHT + 8)
    covered = box(SHAPE, rows, slice(LEFT - 8, LEFT + COLUMNS * CELL_WIDTH + 8))
    return blend(table, tray, ndimage.gaussian_filter(covered.astype(float), 1))


LINE = DrawnLine(("missing pin", "two pins"), ("broken pin", "stain", "scratch"), Camera(), draw)
