"""Scratches and stains, on whatever lies there."""

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike
from scipy import ndimage

from drawn_lines.drawing import Floats, Mask
from drawn_lines.pen import Pen
from drawn_lines.surface import blend, noise

BRIGHT, DARK = 0.95, 0.12


def scratch(image: Floats, rng: Generator, x: float, y: float, length: float, width: float = 1.6) -> Mask:
    """Scratch an image (H, W, 3) in place, through a point, bright or dark; returns where, bool (H, W)."""
    height, breadth = image.shape[:2]
    angle, bend = rng.uniform(0, np.pi), rng.uniform(-0.6, 0.6)
    along = np.linspace(-0.5, 0.5, 25)
    points_x = x + length * along * np.cos(angle) - bend * length * along**2 * np.sin(angle)
    points_y = y + length * along * np.sin(angle) + bend * length * along**2 * np.cos(angle)
    pen = Pen(breadth, height, 2)
    pen.line(zip(points_x, points_y, strict=True), width)
    depth = pen.reduced() * np.clip(0.75 + 0.4 * noise((height, breadth), 6, rng), 0.2, 1)
    tone = BRIGHT if rng.random() < 0.5 else DARK
    image[:] = blend(image, np.full(3, tone), 0.8 * depth)
    return ndimage.binary_dilation(depth > 0.2)


def stain(
    image: Floats, rng: Generator, x: float, y: float, radius: float, colour: ArrayLike, strength: float = 0.7
) -> Mask:
    """Stain an image (H, W, 3) in place with a ragged translucent spot; returns where, bool (H, W)."""
    height, width = image.shape[:2]
    rows, columns = np.mgrid[:height, :width]
    distance = np.hypot(columns - x, (rows - y) * rng.uniform(0.8, 1.3)) / radius
    distance += 0.35 * noise((height, width), radius * 0.7, rng)
    depth = ndimage.gaussian_filter(np.clip((1 - distance) * 4, 0, 1) * strength, 0.8)
    tint = np.asarray(colour)
    image[:] = blend(image, (image + 1) * tint * 0.5, depth)
    return depth > 0.15


def stain_part(
    image: Floats, rng: Generator, part: Mask, radii: tuple[float, float], colour: ArrayLike, strength: float
) -> Mask:
    """Stain an image in place, somewhere on a part, bool (H, W), and nowhere else; returns where, bool (H, W)."""
    rows, columns = np.nonzero(part)
    spot = int(rng.integers(len(rows)))
    stained = image.copy()
    hit = part & stain(stained, rng, columns[spot], rows[spot], rng.uniform(*radii), colour, strength)
    image[hit] = stained[hit]
    return hit
