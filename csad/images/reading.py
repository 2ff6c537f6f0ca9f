"""The only reader of images: any usual file becomes uint8 RGB, (H, W, 3).

| stored as | becomes |
|---|---|
| 1 bit, grey, palette, CMYK, YCbCr, LAB | RGB |
| transparency (RGBA, LA, palettes and PNGs with a transparent colour) | composited on white |
| 16-bit grey | divided by 257, so that 65535 becomes 255 whatever the picture holds |
| 16-bit colour | the high byte of each channel |
| several pages or frames | the first |
| EXIF orientation | applied |
| 32-bit integers above 65535, floating point | refused: their range is unknown |

Colour profiles are not applied.
"""

import io
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from csad.common.errors import CorruptImage, EmptyImage, ImageError, NotAnImage, TooManyPixels
from csad.config.settings import MAX_PIXELS
from csad.imaging.strips import strips

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")
HEADLESS_BMP = "DIB"
"""A BMP without its file header, as some programs write `.dib`."""

EXTENSIONS = frozenset({".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".tif", ".tiff", ".webp"})
"""All endings under which Pillow knows these formats."""

SIXTEEN_BIT_MODES = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})


def read_rgb(path: Path, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read one image file.

    Args:
        path: The file.
        max_pixels: Larger images are refused from their header.

    Returns:
        uint8 (H, W, 3), upright.

    Raises:
        ImageError: Names the file and what is wrong with it: missing, empty, not an image, truncated, too large.
    """
    if not path.is_file():
        raise ImageError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    try:
        with path.open("rb") as stream:
            return decode_rgb(stream, str(path), max_pixels)
    except OSError as error:
        raise ImageError(f"{path}: cannot be read: {error.strerror or error}") from None


def decode_rgb(source: bytes | BinaryIO, name: str, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Decode one image from memory or an open file.

    Args:
        source: The encoded image.
        name: What the image is called in error messages.
        max_pixels: Larger images are refused from their header.

    Returns:
        uint8 (H, W, 3), upright.

    Raises:
        ImageError: Same as for `read_rgb`.
    """
    image = open_image(source, name, max_pixels)
    return to_rgb(load(image, name), name)


def open_image(source: bytes | BinaryIO, name: str, max_pixels: int) -> Image.Image:
    """Read an image's header only.

    Raises:
        EmptyImage: No bytes.
        NotAnImage: The format is unknown.
        CorruptImage: The header is broken.
        TooManyPixels: More pixels than allowed.
    """
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    if not stream.read(1):
        raise EmptyImage(f"{name}: empty file (0 bytes)")
    stream.seek(0)
    try:
        image = Image.open(stream, formats=(*FORMATS, HEADLESS_BMP))
    except Image.DecompressionBombError:
        raise TooManyPixels(
            f"{name}: too many pixels; at most {max_pixels:,} (images.max_pixels) are allowed"
        ) from None
    except UnidentifiedImageError:
        raise NotAnImage(f"{name}: not an image; expected {', '.join(FORMATS)}") from None
    except Exception as error:
        raise CorruptImage(f"{name}: broken image header: {error}") from None
    width, height = image.size
    if width * height > max_pixels:
        raise TooManyPixels(
            f"{name}: {width} x {height} are {width * height:,} pixels; "
            f"at most {max_pixels:,} (images.max_pixels) are allowed"
        )
    return image


def load(image: Image.Image, name: str) -> Image.Image:
    """Decode the pixels and turn the image upright.

    Raises:
        CorruptImage: Truncated or corrupt data. Decoders fail in many ways on broken bytes, so any failure counts.
    """
    try:
        image.load()
        # In place: an image that is upright is not copied.
        ImageOps.exif_transpose(image, in_place=True)
        return image
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise CorruptImage(f"{name}: corrupt or truncated image: {reason}") from None


def to_rgb(image: Image.Image, name: str) -> np.ndarray:
    """Convert a decoded image of any mode to uint8 (H, W, 3).

    Raises:
        CorruptImage: Pixels whose range is unknown.
    """
    if image.mode in SIXTEEN_BIT_MODES:
        return _from_sixteen_bits(np.asarray(image), name)
    if image.mode == "F":
        raise CorruptImage(f"{name}: floating-point pixels; expected 8 or 16 bits per channel, save it so")
    width, height = image.size
    pixels = np.empty((height, width, 3), np.uint8)
    for rows in strips(height, width):
        pixels[rows] = _colours(image.crop((0, rows.start, width, rows.stop)))
    return pixels


def _colours(image: Image.Image) -> np.ndarray:
    """Convert 8-bit pixels of any mode to uint8 (H, W, 3), what is transparent to white."""
    if image.has_transparency_data:
        colour = image.convert("RGBA")
        white = Image.new("RGBA", colour.size, "white")
        return np.asarray(Image.alpha_composite(white, colour).convert("RGB"))
    return np.asarray(image.convert("RGB"))


def _from_sixteen_bits(pixels: np.ndarray, name: str) -> np.ndarray:
    """Divide by 257, rounded.

    Args:
        pixels: Integers (H, W).
        name: What the image is called in error messages.
    """
    if pixels.size and (pixels.min() < 0 or pixels.max() > 65535):
        raise CorruptImage(
            f"{name}: 32-bit pixels from {pixels.min()} to {pixels.max()}; expected 0 to 65535, "
            "save it with 8 or 16 bits"
        )
    grey = np.empty((*pixels.shape, 3), np.uint8)
    for rows in strips(*pixels.shape):
        grey[rows] = ((pixels[rows, :, None].astype(np.uint32) + 128) // 257).astype(np.uint8)
    return grey
