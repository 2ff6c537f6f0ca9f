"""Blister packs: two columns of white tablets and two of capsules, one in each pocket, wherever it slid."""

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from drawn_lines.blemish import scratch, stain
from drawn_lines.camera import Camera
from drawn_lines.drawing import Drawing, DrawnLine, Floats, Mask
from drawn_lines.pen import WHITE, Pen
from drawn_lines.sprite import Pose, Shadow, Sprite, lay, place_of
from drawn_lines.surface import box, diffuse, dome, noise, normals, plain

SHAPE = (430, 600)
ROWS, COLUMNS = 3, 4
LEFT, TOP, CELL_WIDTH, CELL_HEIGHT = 30, 35, 135, 120
SHADOW = Shadow(0.25, 3, 3)
SOIL = (0.35, 0.25, 0.12)


def draw(rng: Generator, odd: Generator, kind: str | None) -> Drawing:
    """Draw a blister pack; see `DrawnLine.draw`."""
    image, mask = _foil(rng), np.zeros(SHAPE, bool)
    odd_row, odd_column = int(odd.integers(ROWS)), int(odd.integers(COLUMNS))
    for cell, own in enumerate(rng.spawn(ROWS * COLUMNS)):
        row, column = divmod(cell, COLUMNS)
        x, y = _centre(row, column)
        pose = Pose(x + own.uniform(-9, 9), y + own.uniform(-7, 7), own.uniform(-12, 12))
        here, there = (_tablet, _capsule) if column < COLUMNS // 2 else (_capsule, _tablet)
        flaw = kind if (row, column) == (odd_row, odd_column) else None
        if flaw == "empty pocket":
            mask |= place_of(here(own), pose, SHAPE)
        elif flaw == "swapped":
            mask |= place_of(here(own), pose, SHAPE) | lay(image, there(odd), pose, SHADOW)
        else:
            place = lay(image, here(own), pose, SHADOW)
            if flaw == "two in one":
                mask |= lay(image, _tablet(odd), Pose(x + odd.choice([-1, 1]) * 26, y + 16), SHADOW)
            elif flaw == "cracked":
                mask |= _crack(image, place, pose, odd)
    if kind == "soiled":
        x, y = _centre(odd_row, odd_column)
        mask |= stain(image, odd, x + odd.uniform(-50, 50), y + odd.uniform(-45, 45), odd.uniform(9, 16), SOIL, 0.8)
    return Drawing(image, mask)


def _centre(row: int, column: int) -> tuple[float, float]:
    return LEFT + (column + 0.5) * CELL_WIDTH, TOP + (row + 0.5) * CELL_HEIGHT


def _crack(image: Floats, place: Mask, pose: Pose, odd: Generator) -> Mask:
    cracked = image.copy()
    hit = place & scratch(cracked, odd, pose.x, pose.y, 60, 2.2)
    image[hit] = cracked[hit]
    return hit


def _tablet(rng: Generator) -> Sprite:
    pen = Pen(64, 64)
    pen.ellipse((3, 3, 61, 61), WHITE)
    alpha = pen.fine()
    return Sprite(plain(np.array([0.86, 0.86, 0.83]) * rng.normal(1, 0.01), alpha), alpha, dome(alpha, 8), 0.05, 10)


def _capsule(rng: Generator) -> Sprite:
    pen, front = Pen(92, 40), Pen(92, 40)
    pen.rectangle((3, 3, 89, 37), WHITE, radius=17)
    front.rectangle((46, 0, 92, 40), WHITE)
    alpha, yellow = pen.fine(), front.fine()[..., None]
    shade = rng.normal(1, 0.02)
    colour = plain(np.array([0.70, 0.14, 0.12]) * shade, alpha) * (1 - yellow)
    colour += plain(np.array([0.85, 0.72, 0.25]) * shade, alpha) * yellow
    return Sprite(colour, alpha, dome(alpha, 14), 0.35, 30)


def _foil(rng: Generator) -> Floats:
    """The empty pack, which fills the picture: float64 (H, W, 3)."""
    height = np.full(SHAPE, 5.0)
    for row in range(ROWS):
        for column in range(COLUMNS):
            x, y = LEFT + column * CELL_WIDTH, TOP + row * CELL_HEIGHT
            height[box(SHAPE, slice(y + 10, y + CELL_HEIGHT - 10), slice(x + 10, x + CELL_WIDTH - 10))] = 0
    pocket = ndimage.gaussian_filter((height < 1).astype(float), 2)
    lit = 0.45 + 0.75 * diffuse(normals(ndimage.gaussian_filter(height, 3)))
    foil = 0.62 * (1 - 0.12 * pocket) * lit * (1 + 0.015 * noise(SHAPE, 4, rng))
    return np.asarray(foil[..., None] * np.array([0.98, 1.0, 1.03]))


LINE = DrawnLine(("empty pocket", "swapped", "two in one"), ("cracked", "soiled"), Camera(gradient=0.14), draw)
