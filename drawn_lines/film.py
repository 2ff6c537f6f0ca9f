"""A bag of clear film: its haze below the parts, its wrinkles and streaks of light above them."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from drawn_lines.drawing import Floats
from drawn_lines.pen import Pen
from drawn_lines.surface import noise


@dataclass(frozen=True)
class Film:
    """An empty bag on a table.

    Attributes:
        left: Column of its left edge.
        right: Column of its right edge.
        top: Row of its upper edge.
        bottom: Row of its lower edge.
        place: float64 (H, W), 1 where the film is.
        empty: float64 (H, W, 3), the picture without parts and wrinkles.
    """

    left: float
    right: float
    top: float
    bottom: float
    place: Floats
    empty: Floats

    @classmethod
    def draw(cls, rng: Generator, shape: tuple[int, int]) -> "Film":
        """Draw an empty bag in a picture of some shape, (H, W)."""
        grain = 1 + 0.015 * noise(shape, 4, rng) + 0.03 * noise(shape, 160, rng)
        image = np.array([0.46, 0.48, 0.47]) * grain[..., None]
        left, right, top, bottom = np.array([60, 540, 40, 680]) + rng.normal(0, 3, 4)
        askew = rng.normal(0, 3, 4)
        pen = Pen(shape[1], shape[0], 1)
        pen.polygon(
            [(left + askew[0], top), (right + askew[1], top + askew[2]), (right, bottom), (left, bottom + askew[3])]
        )
        place = ndimage.gaussian_filter(pen.fine(), 0.8)
        shadow = ndimage.gaussian_filter(ndimage.shift(place, (6, 5), order=0), 6)
        image *= (1 - 0.25 * shadow * (1 - place))[..., None]
        image = image * (1 - 0.10 * place[..., None]) + 0.055 * place[..., None]
        rows = np.arange(shape[0])[:, None]
        image += 0.10 * (place * (np.abs(rows - top - 34) < 3))[..., None]
        return cls(left, right, top, bottom, place, image)


def cover(image: Floats, film: Film, rng: Generator) -> Floats:
    """Put the upper film over the parts: float64 (H, W, 3)."""
    slant = rng.uniform(0, np.pi)
    wrinkles = _wrinkles(image.shape[:2], rng) * film.place
    streaks = _streaks(film, slant, rng) * film.place
    haze = 0.03 * film.place + 0.30 * wrinkles + 0.55 * streaks
    return image * (1 - 0.06 * film.place[..., None]) + haze[..., None]


def _wrinkles(shape: tuple[int, int], rng: Generator) -> Floats:
    """Ridges where smooth noise passes zero, strong in some regions: float64 (H, W)."""
    found = np.zeros(shape)
    for scale, strength in ((70, 1.0), (34, 0.5)):
        ridge = np.clip(1 - np.abs(noise(shape, scale, rng)) * rng.uniform(9, 14), 0, 1)
        found += strength * ridge * np.clip(0.5 + noise(shape, 110, rng), 0, 1)
    return ndimage.gaussian_filter(found, 0.8)


def _streaks(film: Film, slant: float, rng: Generator) -> Floats:
    """Short highlights along the folds, most of them about one way: float64 (H, W)."""
    height, width = film.place.shape
    pen = Pen(width, height, 1)
    for _ in range(int(rng.integers(10, 18))):
        x, y = rng.uniform(film.left, film.right), rng.uniform(film.top, film.bottom)
        length, angle = rng.uniform(20, 120), slant + rng.normal(0, 0.5)
        across, down = length * np.cos(angle), length * np.sin(angle)
        points = [(x, y), (x + across / 2, y + down / 2 + 4), (x + across, y + down)]
        ink = int(rng.uniform(90, 220))
        pen.line(points, int(rng.integers(1, 4)), ink)
    return ndimage.gaussian_filter(pen.fine(), 1.1)
