"""Pictures of where an image differs from good ones."""

import io
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from csad.common.atomic import replacing
from csad.imaging.heat import HeatScale, draw_heat

ORIGIN = "csad_origin"


def write_heat(path: Path, image: np.ndarray, heat: np.ndarray, scale: HeatScale, origin: str = "") -> None:
    """Write an anomaly map over its image as a PNG, whole or not at all.

    Args:
        path: File to write.
        image: uint8 (H, W, 3).
        heat: Anomaly map, float32 (H, W), >= 0.
        scale: What the colours stand for.
        origin: Which image and which model the picture shows, for `is_drawn`; empty where that is not known.

    Raises:
        OSError: The folder is read-only or full.
    """
    encoded, about = io.BytesIO(), PngInfo()
    if origin:
        about.add_text(ORIGIN, origin)
    Image.fromarray(draw_heat(image, heat, scale)).save(encoded, format="PNG", pnginfo=about)
    with replacing(path) as temporary:
        temporary.write_bytes(encoded.getvalue())


def map_of(file: Path, root: Path, maps: Path) -> Path:
    """Where the picture of an image lies: below `maps` as the image lies below `root`, or is `root`."""
    name = file.relative_to(root) if root.is_dir() else Path(file.name)
    return maps / f"{name}.png"


def origin_of(model: str, sha256: str) -> str:
    """What a picture shows.

    Args:
        model: Checksum of the model's manifest.
        sha256: Digest of the image's file.
    """
    return f"{model} {sha256}"


def is_drawn(picture: Path, origin: str) -> bool:
    """Whether there is a whole picture of this image by this model; one that does not say is of another."""
    try:
        with Image.open(picture, formats=["PNG"]) as opened:
            return opened.info.get(ORIGIN) == origin
    except (OSError, SyntaxError, ValueError):
        return False
