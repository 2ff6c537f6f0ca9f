"""Surfaces: smooth noise, rounded heights, and how the light falls on them."""

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike
from scipy import ndimage

from drawn_lines.drawing import Floats, Mask
from drawn_lines.pen import FINE

LIGHT: Floats = np.array([-0.45, -0.6, 0.66]) / np.linalg.norm([-0.45, -0.6, 0.66])
"""Where the light comes from, as x, y and towards the camera."""
HALFWAY: Floats = np.add(LIGHT, (0, 0, 1)) / np.linalg.norm(np.add(LIGHT, (0, 0, 1)))
"""Between the light and the camera: surfaces that face it shine."""


def noise(shape: tuple[int, ...], scale: float, rng: Generator) -> Floats:
    """Smooth noise.

    Args:
        shape: (H, W).
        scale: Size of its waves in pixels.
        rng: Draws it.

    Returns:
        float64 (H, W), about -1..1.
    """
    height, width = shape
    coarse = rng.normal(size=(max(3, int(height / scale) + 3), max(3, int(width / scale) + 3)))
    zoom = (height / (coarse.shape[0] - 2), width / (coarse.shape[1] - 2))
    return ndimage.zoom(coarse, zoom, order=3)[:height, :width] / 1.5


def plain(colour: ArrayLike, alpha: Floats) -> Floats:
    """One colour everywhere: float64 (h, w, 3) for an alpha of (h, w)."""
    return np.broadcast_to(np.asarray(colour, np.float64), (*alpha.shape, 3)).copy()


def dome(alpha: Floats, bevel: float) -> Floats:
    """A height that rises from the edge of a shape like a quarter of a circle, then is flat.

    Args:
        alpha: float (h, w), 0..1, `FINE` times as fine as the picture.
        bevel: How far it rises, and over what distance, in pixels of the picture.

    Returns:
        float64 (h, w), in pixels of the picture.
    """
    distance = ndimage.distance_transform_edt(np.pad(alpha > 0.5, 1))[1:-1, 1:-1] / FINE
    return rounded(distance, bevel)


def rounded(distance: Floats, bevel: float) -> Floats:
    """Height at a distance from the edge, both in pixels; float64 like `distance`."""
    inwards = np.clip(distance / bevel, 0, 1)
    return bevel * np.sqrt(np.clip(1 - (1 - inwards) ** 2, 0, 1))


def normals(height: Floats) -> Floats:
    """Unit normals of a height map: (h, w) in pixels to (h, w, 3) as x, y, towards the camera."""
    slope_y, slope_x = np.gradient(height)
    return unit(np.stack([-slope_x, -slope_y, np.ones_like(slope_x)], -1))


def unit(vectors: Floats) -> Floats:
    """Vectors (..., 3) of length 1."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def diffuse(normal: Floats) -> Floats:
    """How much light falls on a surface: normals (h, w, 3) to (h, w), 0..1."""
    return np.clip(normal @ LIGHT, 0, 1)


def glint(normal: Floats, shine: float) -> Floats:
    """How much light a surface mirrors: normals (h, w, 3) to (h, w), 0..1; a larger `shine` is a smaller spot."""
    return np.clip(normal @ HALFWAY, 0, 1) ** shine


def blend(image: Floats, other: Floats, alpha: Floats) -> Floats:
    """Cover an image (H, W, 3) with another, or with a colour (3,), where alpha (H, W) is 1: float64 (H, W, 3)."""
    return image * (1 - alpha[..., None]) + other * alpha[..., None]


def box(shape: tuple[int, int], rows: slice, columns: slice) -> Mask:
    """A rectangle: bool (H, W)."""
    found = np.zeros(shape, bool)
    found[rows, columns] = True
    return found
