"""Scratches and stains drawn in image space, over the pixels of one part."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

FINE = 4
"""Paint is drawn on a grid this many times finer than the image."""


def scratches(part: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw two to four deep scratches over a part.

    Args:
        part: (H, W) bool, the part's pixels.
        rng: Source of chance.

    Returns:
        (FINE * H, FINE * W, 3) float32: groove, raised lip, nothing.
    """
    rows, columns = np.nonzero(part)
    centre = np.array([columns.mean(), rows.mean()])
    reach = 0.5 * max(np.ptp(columns), np.ptp(rows)) + 2
    size = (part.shape[1] * FINE, part.shape[0] * FINE)
    groove, lip = Image.new("L", size), Image.new("L", size)
    heading = rng.uniform(0, np.pi)
    # The middle of washers and nuts is a hole, so scratches run beside it.
    offsets = rng.choice([-1, 1]) * reach * np.array([0.62, 0.40, -0.58, 0.80])[: rng.integers(3, 5)]
    for offset in offsets:
        angle = heading + rng.normal(0, 0.16)
        along = np.array([np.cos(angle), np.sin(angle)])
        across = np.array([-along[1], along[0]])
        steps = np.linspace(-1, 1, 24)[:, None]
        curve = rng.normal(0, 0.06) * reach
        half = np.sqrt(max(reach**2 - offset**2, 0)) * rng.uniform(0.75, 1.0)
        line = centre + offset * across + steps * along * half + curve * steps**2 * across
        line = line + rng.normal(0, 0.12, line.shape)
        width = rng.uniform(1.3, 2.0)
        _draw(groove, line, width)
        _draw(lip, line + across * (0.5 * width + 0.35), 0.8)
    channels = [np.asarray(image.filter(ImageFilter.GaussianBlur(1)), np.float32) / 255 for image in (groove, lip)]
    return np.stack([channels[0], channels[1] * (1 - channels[0]), np.zeros_like(channels[0])], axis=-1)


def stain(part: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a lumpy blob and some specks over a part; arguments and result as of `scratches`, third channel."""
    rows, columns = np.nonzero(part)
    pick = rng.integers(len(rows))
    centre = np.array([columns[pick], rows[pick]], np.float32)
    radius = np.clip(0.46 * np.sqrt(part.sum()), 13, 22)
    height, width = part.shape[0] * FINE, part.shape[1] * FINE
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / FINE
    distance = np.hypot(x - centre[0], y - centre[1]) / radius
    level = (
        1.0 - distance + 0.55 * _cloud((height, width), 9 * FINE, rng) + 0.25 * _cloud((height, width), 3 * FINE, rng)
    )
    specks = 1.5 - distance + 1.1 * _cloud((height, width), 2 * FINE, rng) - 1.35
    amount = np.clip(np.maximum((level - 0.15) / 0.22, specks / 0.3), 0, 1)
    amount[distance > 1.9] = 0
    return np.stack([np.zeros_like(amount), np.zeros_like(amount), amount], axis=-1).astype(np.float32)


def painted_region(overlay: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Return the image pixels (H, W) of a part that the paint changes visibly."""
    height, width = part.shape
    strength = overlay.max(axis=-1).reshape(height, FINE, width, FINE).mean(axis=(1, 3))
    return (strength > 0.2) & part


def _draw(image: Image.Image, line: np.ndarray, width: float) -> None:
    pen = ImageDraw.Draw(image)
    count = len(line) - 1
    for step in range(count):
        taper = min(1.0, 0.35 + 4 * min(step, count - 1 - step) / count)
        points = [tuple((point + 0.5) * FINE) for point in line[step : step + 2]]
        pen.line(points, fill=255, width=max(1, round(width * taper * FINE)))


def _cloud(shape: tuple[int, int], grain: int, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise of about -1..1 whose lumps are `grain` pixels wide."""
    coarse = rng.normal(0, 0.5, (shape[0] // grain + 3, shape[1] // grain + 3)).astype(np.float32)
    large = Image.fromarray(coarse).resize((coarse.shape[1] * grain, coarse.shape[0] * grain), Image.Resampling.BICUBIC)
    return np.asarray(large)[: shape[0], : shape[1]]
