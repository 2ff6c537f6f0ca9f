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
