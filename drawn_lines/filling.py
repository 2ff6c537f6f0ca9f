"""What fills the right compartment of a meal: cereal down to a wavy level, almonds and banana chips below it."""

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from drawn_lines.drawing import Floats
from drawn_lines.pen import FINE, Pen
from drawn_lines.sprite import Pose, Shadow, Sprite, lay
from drawn_lines.surface import blend, dome, noise, plain

CRUMBS = 3300
CRUMB_COLOURS = np.array(
    [[190, 140, 78], [168, 112, 56], [212, 172, 112], [130, 82, 42], [224, 196, 150], [84, 42, 26]]
)
CRUMB_FRACTIONS = (0.3, 0.25, 0.2, 0.13, 0.08, 0.04)
BETWEEN_CRUMBS = (92, 60, 32)
CRUMB_LAYERS = ((1.4, 0.42, 1.0), (0.0, 1.0, 1.0), (-0.9, 1.22, 0.6))
"""Shadow, body and highlight: how far to the lower right, how bright, how large."""
ALMOND_AREA, CHIP_AREA = 1650, 7000
"""Pixels of the compartment's ground for each."""
SHADOW = Shadow(0.45, 4, 3)


def fill(image: Floats, shade: Floats, compartment: tuple[slice, slice], level: float, rng: Generator) -> None:
    """Fill a compartment, in place.

    Args:
        image: float64 (H, W, 3).
        shade: float64 (H, W), 0..1, how much the walls shade the ground.
        compartment: Its rows and columns.
        level: Row where the cereal ends, on average.
        rng: Draws it all.
    """
    rows, columns = compartment
    height, width = rows.stop - rows.start, columns.stop - columns.start
    waves = 9 * noise((1, width), 60, rng)[0] + rng.normal(0, 5) * np.linspace(-1, 1, width)
    ragged = 3 * rng.normal(size=(height, width)).round()
    above = np.clip((level + waves - np.arange(rows.start, rows.stop)[:, None] + ragged) / 2, 0, 1)
    alpha = np.zeros(image.shape[:2])
    alpha[compartment] = ndimage.gaussian_filter(above, 1)
    shadow = ndimage.gaussian_filter(ndimage.shift(alpha, (6, 3), order=0), 5)
    image *= (1 - 0.4 * shadow)[..., None]
    cereal = _cereal(rng, width, height) * (1 - 0.4 * shade[compartment])[..., None] * rng.normal(1, 0.02)
    image[compartment] = blend(image[compartment], cereal, alpha[compartment])
    area = (rows.stop - level) * width
    almonds, chips = round(area / ALMOND_AREA * rng.normal(1, 0.04)), round(area / CHIP_AREA)
    parts = [_almond] * almonds + [_chip] * chips
    for index in rng.permutation(len(parts)):
        x, y = rng.uniform(columns.start + 26, columns.stop - 26), rng.uniform(level + 12, 500)
        part = parts[index](rng)
        lay(image, part, Pose(x, y, rng.uniform(0, 360)), SHADOW)


def _cereal(rng: Generator, width: int, height: int) -> Floats:
    """Many small crumbs and flakes: float64 (height, width, 3)."""
    pen = Pen(width, height, 2, BETWEEN_CRUMBS)
    corners = np.linspace(0, 2 * np.pi, 10)[:-1]
    for _ in range(CRUMBS):
        x, y, radius = rng.uniform(0, width), rng.uniform(0, height), rng.gamma(9, 0.75)
        colour = CRUMB_COLOURS[rng.choice(len(CRUMB_COLOURS), p=CRUMB_FRACTIONS)] * rng.normal(1, 0.07)
        angle, flatness = rng.uniform(0, np.pi), rng.uniform(0.5, 1)
        radii = radius * (1 + 0.2 * rng.normal(size=len(corners)))
        along, across = radii * np.cos(corners), flatness * radii * np.sin(corners)
        points_x = along * np.cos(angle) - across * np.sin(angle)
        points_y = along * np.sin(angle) + across * np.cos(angle)
        for offset, brightness, size in CRUMB_LAYERS:
            red, green, blue = (int(value) for value in np.clip(colour * brightness, 0, 255))
            outline = zip(x + points_x * size + offset, y + points_y * size + offset, strict=True)
            pen.polygon(outline, (red, green, blue))
    return pen.reduced()


def _almond(rng: Generator) -> Sprite:
    width, height = 46, 28
    angles = np.linspace(0, 2 * np.pi, 40)
    points_x = width / 2 + 20 * np.cos(angles)
    points_y = height / 2 + 11 * np.sin(angles) * (1 - 0.35 * np.cos(angles)) * rng.normal(1, 0.05)
    pen = Pen(width, height)
    pen.polygon(zip(points_x, points_y, strict=True))
    alpha = pen.fine()
    rows = np.arange(alpha.shape[0])[:, None] / FINE
    colour = plain(np.array([0.56, 0.33, 0.17]) * rng.normal(1, 0.06), alpha)
    colour *= (1 + 0.12 * np.sin(rows * 2.2 + 2 * noise(alpha.shape, 30, rng)))[..., None]
    return Sprite(colour, alpha, dome(alpha, 9), 0.12, 12)


def _chip(rng: Generator) -> Sprite:
    size, middle = 64, 32
    angles = np.linspace(0, 2 * np.pi, 40)
    waves = np.stack([np.cos(2 * angles), np.sin(2 * angles), np.cos(3 * angles), np.sin(3 * angles)])
    radii = 27 * (1 + 0.03 * rng.normal(size=4) @ waves)
    pen = Pen(size, size)
    pen.polygon(zip(middle + radii * np.cos(angles), middle + 0.92 * radii * np.sin(angles), strict=True))
    alpha = pen.fine()
    rows, columns = np.mgrid[: alpha.shape[0], : alpha.shape[1]] / FINE - middle
    seeds = np.exp(-(((np.hypot(columns, rows) - 9) / 4) ** 2)) * (1 + 0.5 * noise(alpha.shape, 12, rng))
    colour = plain(np.array([0.92, 0.80, 0.50]) * rng.normal(1, 0.03), alpha) * (1 - 0.18 * seeds)[..., None]
    return Sprite(colour, alpha, dome(alpha, 5) + 2.4 * noise(alpha.shape, 45, rng), 0.08, 12)
