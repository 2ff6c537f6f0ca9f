"""Pictures of where an image differs from good ones."""

import io
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from csad.atomic import replacing
from csad.evaluation.heat import HeatScale, draw_heat

GOOD_RANGE = 2.0
"""A good image's strongest place is drawn at this part of the scale: it must not look like a defect."""


class LocatedScore(Protocol):
    """What a picture needs of a score."""

    @property
    def anomalous(self) -> bool:
        """The decision."""
        ...

    @property
    def map(self) -> np.ndarray:
        """Anomaly map, float32 (H, W), >= 0."""
        ...


def heat_overlay(image: np.ndarray, score: LocatedScore) -> np.ndarray:
    """Lay an image's anomaly map over it.

    Args:
        image: uint8 (H, W, 3).
        score: Its score. The colours end at the map's largest value, or at GOOD_RANGE times it for a good image.

    Returns:
        uint8 (H, W, 3).
    """
    peak = max(float(score.map.max(initial=0.0)), 1e-12)
    return draw_heat(image, score.map, HeatScale(0.0, peak if score.anomalous else GOOD_RANGE * peak))


def write_heat(path: Path, image: np.ndarray, score: LocatedScore) -> None:
    """Write the overlay as a PNG, whole or not at all.

    Raises:
        OSError: The folder is read-only or full.
    """
    encoded = io.BytesIO()
    Image.fromarray(heat_overlay(image, score)).save(encoded, format="PNG")
    with replacing(path) as temporary:
        temporary.write_bytes(encoded.getvalue())
