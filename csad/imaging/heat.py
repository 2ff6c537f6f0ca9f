"""Small pictures of images, their anomaly maps and their true defects."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from PIL import Image

from csad.imaging.strips import strips

LONGEST_SIDE = 360
JPEG_QUALITY = 82
STRONGEST = 0.85
"""Opacity of the heat at the top of its scale."""
COLOURS = np.array([[255, 225, 110], [250, 150, 40], [220, 50, 40], [150, 0, 70]], dtype=np.float64)
"""From weak to strong heat, evenly spaced."""
OUTLINE = np.array([0, 175, 255], dtype=np.uint8)


@dataclass(frozen=True)
class HeatScale:
    """Map values that are shown as no heat and as full heat, alike wherever a model's maps are drawn.

    Attributes:
        low: Nothing is drawn up to here.
        high: The strongest colour from here on.
    """

    low: float
    high: float

    @classmethod
    def of_model(cls, normal_tail: float) -> Self:
        """Choose from what a model knows of normal images, so that pictures of one model can be compared.

        Args:
            normal_tail: What the upper tail of their cells reaches on the map, above 0 (`Scorer.normal_tail`).
        """
        return cls(low=normal_tail / 2, high=2 * normal_tail)


def shrink(picture: np.ndarray) -> np.ndarray:
    """Reduce a picture so that its longer side is at most LONGEST_SIDE.

    Args:
        picture: uint8 (H, W, 3), float32 (H, W) or bool (H, W); a small spot of True survives.

    Returns:
        Same type; as it was where it is small enough.
    """
    height, width = picture.shape[:2]
    factor = LONGEST_SIDE / max(height, width)
    if factor >= 1:
        return picture
    size = max(round(width * factor), 1), max(round(height * factor), 1)
    if picture.dtype == bool:
        return np.asarray(Image.fromarray(picture.astype(np.float32)).resize(size, Image.Resampling.BOX)) > 0
    if picture.ndim == 2:
        picture = picture.astype(np.float32)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX))


def draw_heat(image: np.ndarray, heat: np.ndarray, scale: HeatScale) -> np.ndarray:
    """Lay heat over an image that fades to grey.

    Args:
        image: uint8 (H, W, 3).
        heat: float32 (H, W), >= 0.
        scale: What the colours stand for.

    Returns:
        uint8 (H, W, 3).
    """
    drawn = np.empty(image.shape, dtype=np.uint8)
    for strip in strips(image.shape[0], image.shape[1]):
        drawn[strip] = _draw_strip(image[strip], heat[strip], scale)
    return drawn


def _draw_strip(image: np.ndarray, heat: np.ndarray, scale: HeatScale) -> np.ndarray:
    level = np.clip((heat - scale.low) / max(scale.high - scale.low, 1e-12), 0, 1)
    stops = np.linspace(0, 1, len(COLOURS))
    colour = np.stack([np.interp(level, stops, COLOURS[:, channel]) for channel in range(3)], axis=2)
    opacity = STRONGEST * np.sqrt(level)[:, :, None]
    grey = 0.4 * image + 0.6 * image.mean(axis=2, keepdims=True)
    return np.asarray(np.rint(grey * (1 - opacity) + colour * opacity), dtype=np.uint8)


def draw_outline(image: np.ndarray, masks: Sequence[np.ndarray]) -> np.ndarray:
    """Draw the border of each mask, two pixels wide.

    Args:
        image: uint8 (H, W, 3).
        masks: bool (H, W) each.

    Returns:
        uint8 (H, W, 3), a copy.
    """
    drawn = image.copy()
    for mask in masks:
        drawn[_beside(mask, False) & _beside(~mask, True)] = OUTLINE
    return drawn


def encode_jpeg(image: np.ndarray) -> bytes:
    """Encode uint8 (H, W, 3)."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, format="JPEG", quality=JPEG_QUALITY, optimize=True)
    return stream.getvalue()


def _beside(mask: np.ndarray, around: bool) -> np.ndarray:
    """Pixels of a mask (H, W) and their four neighbours; `around` is what lies outside of the image."""
    padded = np.pad(mask, 1, constant_values=around)
    neighbours = padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    return np.asarray(mask | neighbours)
