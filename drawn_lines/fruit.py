"""Tangerines and nectarines."""

import itertools

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from drawn_lines.drawing import Floats
from drawn_lines.sprite import Lit
from drawn_lines.surface import diffuse, glint, noise, unit

RADII = {"tangerine": 72, "nectarine": 80}
SMALLER = 0.88
TRIALS = 400


def fruit(rng: Generator, name: str) -> tuple[Lit, float]:
    """A lit fruit of one of `RADII`, and its radius in pixels."""
    radius = RADII[name] * rng.normal(1, 0.03)
    size = int(2 * radius + 6)
    rows, columns = np.mgrid[:size, :size] - size / 2
    distance = np.hypot(columns / rng.normal(1, 0.03), rows) / radius
    bulge = np.sqrt(np.clip(1 - distance**2, 0, 1))
    normal = np.stack([columns / radius, rows / radius, bulge], -1)
    if name == "tangerine":
        pores = ndimage.gaussian_filter(rng.normal(size=(size, size)), 1.2)
        normal[..., 0] += 1.05 * np.gradient(pores, axis=1)
        normal[..., 1] += 1.05 * np.gradient(pores, axis=0)
        skin = _tangerine_skin(rng, rows, columns, radius)
    else:
        skin = _nectarine_skin(rng, rows, columns, distance)
    normal = unit(normal)
    lit = skin * (0.38 + 0.78 * diffuse(normal))[..., None] + 0.25 * glint(normal, 30)[..., None]
    return Lit(np.clip(lit, 0, 1.2), np.clip((1 - distance) * radius, 0, 1)), radius


def smaller(lit: Lit) -> Lit:
    """Fruit small enough for four to fit."""
    colour = ndimage.zoom(lit.colour, (SMALLER, SMALLER, 1), order=1)
    return Lit(colour, ndimage.zoom(lit.alpha, SMALLER, order=1))


def places(rng: Generator, count: int) -> list[tuple[float, float]]:
    """Places in the left compartment, x and y, far enough from each other for so many fruit."""
    gap = 150 if count <= 3 else 118
    for _ in range(TRIALS):
        found = [(rng.uniform(112, 268), rng.uniform(118, 442)) for _ in range(count)]
        if all(np.hypot(x - u, y - v) > gap for (x, y), (u, v) in itertools.combinations(found, 2)):
            return found
    return [(112 + 156 * (index % 2), 118 + 324 * index / (count - 1)) for index in range(count)]


def _tangerine_skin(rng: Generator, rows: Floats, columns: Floats, radius: float) -> Floats:
    """Orange with the green of the stalk: float64 (h, w, 3) for coordinates (h, w) from the middle."""
    tone = (1 + 0.04 * noise(rows.shape, 40, rng)) * rng.normal(1, 0.02)
    skin = np.array([0.95, 0.50, 0.06]) * tone[..., None]
    x, y = rng.uniform(-0.45, 0.45, 2) * radius
    stalk = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 18.0)[..., None]
    return skin * (1 - stalk) + np.array([0.30, 0.38, 0.12]) * stalk


def _nectarine_skin(rng: Generator, rows: Floats, columns: Floats, distance: Floats) -> Floats:
    """Red and yellow with a seam: float64 (h, w, 3) for coordinates and distances (h, w) from the middle."""
    red = np.clip(0.55 + 0.55 * noise(rows.shape, 55, rng) + 0.15 * noise(rows.shape, 8, rng), 0, 1)[..., None]
    skin = np.array([0.72, 0.13, 0.09]) * red + np.array([0.93, 0.66, 0.22]) * (1 - red)
    angle = rng.uniform(0, np.pi)
    across = columns * np.cos(angle) + rows * np.sin(angle)
    return skin * (1 - 0.35 * np.exp(-(((across - 14 * np.cos(distance)) / 4.0) ** 2)))[..., None]
