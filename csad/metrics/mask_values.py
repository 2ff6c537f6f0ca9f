"""Read a mask by what it shows: 0 where nothing is marked, whether it is stored as palette, alpha, grey or 16 bits."""

from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from csad.common.errors import DatasetError, ImageError
from csad.config.settings import MAX_PIXELS
from csad.images.orientation import orientation_of
from csad.images.reading import SIXTEEN_BIT_MODES, load, open_image

LARGEST_VALUE = 65535
STEP_OF_SIXTEEN_BITS = 257
"""An 8-bit value times this is the same grey in 16 bits: 255 becomes 65535."""


@dataclass(frozen=True)
class MaskPicture:
    """One mask file.

    Attributes:
        values: uint16 (H, W), upright; 0 is background, anything else the pixel value of a defect.
        orientation: EXIF orientation that the file carried, 1..8; `values` are turned already.
    """

    values: np.ndarray
    orientation: int


def read_mask(path: Path, known: Container[int] = ()) -> MaskPicture:
    """Read one mask file.

    Background is what is black or transparent. Where a mask has a transparent background and nothing but black on it,
    the black is the defect.

    Args:
        path: The file.
        known: Pixel values that defects_config.json explains; they decide between a palette's colour and its index, and
            between a 16-bit value as stored and in 8 bits.

    Raises:
        DatasetError: The file cannot be read, or holds values of no known range.
    """
    try:
        with path.open("rb") as stream:
            picture = load(open_image(stream, str(path), MAX_PIXELS), str(path))
        return MaskPicture(_values(picture, known), orientation_of(path))
    except (ImageError, OSError) as error:
        raise DatasetError(f"mask {path} cannot be read ({error}); draw it again") from None


def _values(picture: Image.Image, known: Container[int]) -> np.ndarray:
    if picture.mode in SIXTEEN_BIT_MODES:
        return _from_sixteen_bits(picture, known)
    if picture.mode == "F":
        raise ImageError("floating-point pixels, expected 8 or 16 bits")
    values = _from_colours(picture)
    if picture.mode == "P":
        return _with_known_indices(values, np.asarray(picture), known)
    return values


def _from_colours(picture: Image.Image) -> np.ndarray:
    """Largest channel of each colour over a black ground, uint16 (H, W), 0..255."""
    if not picture.has_transparency_data:
        if picture.mode in {"1", "L"}:
            return np.asarray(picture.convert("L")).astype(np.uint16)
        brightest: np.ndarray = np.asarray(picture.convert("RGB")).max(axis=2)
        return brightest.astype(np.uint16)
    colours = np.asarray(picture.convert("RGBA"))
    alpha = colours[:, :, 3].astype(np.uint16)
    # Rounded up: what is marked faintly is marked.
    values = (colours[:, :, :3].max(axis=2).astype(np.uint32) * alpha + 254) // 255
    drawn_in_black = not values.any() and not alpha.all()
    return alpha if drawn_in_black else values.astype(np.uint16)


def _with_known_indices(values: np.ndarray, indices: np.ndarray, known: Container[int]) -> np.ndarray:
    """Take a palette's index for its colour where the configuration knows the index and not the colour's level."""
    named = [index for index in range(1, 256) if index in known]
    unnamed = np.array([level > 0 and level not in known for level in range(256)])
    return np.where(unnamed[values] & np.isin(indices, named), indices, values).astype(np.uint16)


def _from_sixteen_bits(picture: Image.Image, known: Container[int]) -> np.ndarray:
    """Values as stored; of those that are 8-bit greys in 16 bits, the 8-bit ones. uint16 (H, W)."""
    stored = np.asarray(picture).astype(np.int64)
    if stored.size and (stored.min() < 0 or stored.max() > LARGEST_VALUE):
        raise ImageError(f"32-bit pixels from {stored.min()} to {stored.max()}, expected 0 to {LARGEST_VALUE}")
    transparent = picture.info.get("transparency")
    if isinstance(transparent, int):
        stored[stored == transparent] = 0
    levels = levels_of(stored)
    as_eight_bits = all(level % STEP_OF_SIXTEEN_BITS == 0 for level in levels)
    if as_eight_bits and not all(level in known for level in levels):
        stored //= STEP_OF_SIXTEEN_BITS
    return stored.astype(np.uint16)


def levels_of(values: np.ndarray) -> list[int]:
    """The distinct values above 0, ascending.

    Args:
        values: Integers (H, W), 0..65535.
    """
    levels: list[int] = np.flatnonzero(np.bincount(values[values > 0].ravel())).tolist()
    return levels
