"""Pictures of where an image differs from good ones."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from csad.atomic import replacing
from csad.evaluation.heat import HeatScale, draw_heat


def write_heat(path: Path, image: np.ndarray, heat: np.ndarray, scale: HeatScale) -> None:
    """Write an anomaly map over its image as a PNG, whole or not at all.

    Args:
        path: File to write.
        image: uint8 (H, W, 3).
        heat: Anomaly map, float32 (H, W), >= 0.
        scale: What the colours stand for.

    Raises:
        OSError: The folder is read-only or full.
    """
    encoded = io.BytesIO()
    Image.fromarray(draw_heat(image, heat, scale)).save(encoded, format="PNG")
    with replacing(path) as temporary:
        temporary.write_bytes(encoded.getvalue())


def map_of(file: Path, root: Path, maps: Path) -> Path:
    """Where the picture of an image lies: below `maps` as the image lies below `root`, or is `root`."""
    name = file.relative_to(root) if root.is_dir() else Path(file.name)
    return maps / f"{name}.png"


def is_drawn(file: Path, picture: Path) -> bool:
    """Whether there is a picture of an image that is not older than the image."""
    try:
        return picture.stat().st_mtime_ns >= file.stat().st_mtime_ns
    except OSError:
        return False
