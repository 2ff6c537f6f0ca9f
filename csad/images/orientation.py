"""Which way up a picture is stored: its EXIF orientation, read without decoding the pixels where that is possible."""

from pathlib import Path

import numpy as np
from PIL import Image

from csad.config.settings import MAX_PIXELS
from csad.images.reading import open_image

UPRIGHT = 1
ORIENTATION_TAG = 0x0112
QUARTER_TURNS = frozenset({5, 6, 7, 8})
"""Orientations that swap width and height."""

SOURCES_IN_PNG = (b"eXIf", b"XML:com.adobe.xmp", b"Raw profile type")
"""Chunks of a PNG that can hold an orientation. They may follow the pixels, where a header does not show them."""


def orientation_of(path: Path) -> int:
    """EXIF orientation of a file, 1..8; 1 where it has none, or cannot be read."""
    try:
        with path.open("rb") as stream:
            image = open_image(stream, str(path), MAX_PIXELS)
            if image.format != "PNG":
                return _orientation(image)
            stream.seek(0)
            content = stream.read()
            if not any(source in content for source in SOURCES_IN_PNG):
                return UPRIGHT
            stream.seek(0)
            return _orientation(open_image(stream, str(path), MAX_PIXELS))
    except Exception:
        # Decoders fail in many ways on broken bytes; whoever reads the pixels says so.
        return UPRIGHT


def _orientation(image: Image.Image) -> int:
    found = image.getexif().get(ORIENTATION_TAG, UPRIGHT)
    return found if isinstance(found, int) and UPRIGHT <= found <= 8 else UPRIGHT


def turn_upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn stored pixels, (H, W), the way that an EXIF orientation of 1..8 says; a quarter turn gives (W, H)."""
    turned = {
        2: np.fliplr(pixels),
        3: np.rot90(pixels, 2),
        4: np.flipud(pixels),
        5: pixels.T,
        6: np.rot90(pixels, 3),
        7: np.rot90(pixels, 2).T,
        8: np.rot90(pixels, 1),
    }
    return turned.get(orientation, pixels)
