"""Pictures of where an image differs from good ones."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from csad.atomic import replacing
from csad.evaluation.heat import LocatedScore, heat_overlay


def write_heat(path: Path, image: np.ndarray, score: LocatedScore) -> None:
    """Write the overlay as a PNG, whole or not at all.

    Raises:
        OSError: The folder is read-only or full.
    """
    encoded = io.BytesIO()
    Image.fromarray(heat_overlay(image, score)).save(encoded, format="PNG")
    with replacing(path) as temporary:
        temporary.write_bytes(encoded.getvalue())
