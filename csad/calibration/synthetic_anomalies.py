"""Synthetic anomalies from normal images, and the AUROC of each branch on them (ours, for the weights of paper 3.5).

No real anomaly chooses anything. Synthetic ones are a smoke test, not a judge between good branches: they only find
branches without any signal. `foreign_patch` is CutPaste (arXiv:2104.04015) with a patch of another image,
`moved_components` is LSA (paper 3.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from csad.metrics.auroc import auroc
from csad.scoring.fusion import Columns, Scale, sum_columns
from csad.segmentation.lsa import Component, LabelledImage, paste_components

PATCH_SIDES = (0.08, 0.2)
"""Sides of a foreign patch as fractions of the canvas's shorter side."""

SPOT_DIAMETERS = (0.06, 0.16)
"""Diameters of a coloured spot as fractions of the canvas's shorter side."""

SPOT_CORNERS = 8
SPOT_OPACITY = 0.7

REGION_SIDES = (0.3, 0.6)
"""Sides of an exchanged region as fractions of the canvas's sides."""


def synthetic_anomalies(
    canvases: Sequence[NDArray[np.uint8]],
    others: Sequence[NDArray[np.uint8]],
    donors: Sequence[Sequence[Component]],
    generator: np.random.Generator,
) -> dict[str, list[NDArray[np.uint8]]]:
    """Spoil each canvas in every way: two logical kinds and two structural ones.

    Args:
        canvases: Normal canvases, uint8 (h, w, 3).
        others: For each of them another normal canvas of the same size.
        donors: Components of some labelled images; where there are none, no component moves.
        generator: Source of randomness.

    Returns:
        Per kind one canvas for each given.
    """
    pairs = list(zip(canvases, others, strict=True))
    made = {
        "foreign patch": [foreign_patch(canvas, other, generator) for canvas, other in pairs],
        "coloured spot": [coloured_spot(canvas, generator) for canvas in canvases],
        "exchanged region": [exchanged_region(canvas, other, generator) for canvas, other in pairs],
    }
    if donors:
        chosen = generator.integers(len(donors), size=len(canvases))
        made["moved components"] = [
            moved_components(canvas, donors[i], generator) for canvas, i in zip(canvases, chosen, strict=True)
        ]
    return made


def moved_components(
    canvas: NDArray[np.uint8], components: Sequence[Component], generator: np.random.Generator
) -> NDArray[np.uint8]:
    """A logical anomaly: one or two components too many (LSA), uint8 (h, w, 3)."""
    return paste_components(LabelledImage(canvas, np.zeros(canvas.shape[:2], np.uint8)), components, generator).pixels


def foreign_patch(
    canvas: NDArray[np.uint8], other: NDArray[np.uint8], generator: np.random.Generator
) -> NDArray[np.uint8]:
    """A structural anomaly: a patch of another image, turned and at another place, uint8 (h, w, 3)."""
    height, width = canvas.shape[:2]
    side = max(4, round(float(generator.uniform(*PATCH_SIDES)) * min(height, width)))
    top, column = int(generator.integers(0, height - side)), int(generator.integers(0, width - side))
    patch = np.rot90(other[top : top + side, column : column + side], k=int(generator.integers(1, 4)))
    result = canvas.copy()
    top, column = int(generator.integers(0, height - side)), int(generator.integers(0, width - side))
    result[top : top + side, column : column + side] = patch
    return result


def coloured_spot(canvas: NDArray[np.uint8], generator: np.random.Generator) -> NDArray[np.uint8]:
    """A structural anomaly: a ragged spot of any colour, uint8 (h, w, 3). On textures, where a foreign patch looks
    like its surroundings, it is the one that shows which branches see defects at all.
    """
    height, width = canvas.shape[:2]
    radius = float(generator.uniform(*SPOT_DIAMETERS)) * min(height, width) / 2
    row, column = generator.uniform(radius, height - radius), generator.uniform(radius, width - radius)
    angles = np.linspace(0, 2 * np.pi, SPOT_CORNERS, endpoint=False)
    reach = radius * generator.uniform(0.5, 1, SPOT_CORNERS)
    outline = np.stack([column + reach * np.cos(angles), row + reach * np.sin(angles)], axis=1)
    spot = Image.new("L", (width, height))
    ImageDraw.Draw(spot).polygon([(float(x), float(y)) for x, y in outline], fill=255)
    opacity = SPOT_OPACITY / 255 * np.asarray(spot.filter(ImageFilter.GaussianBlur(1)), np.float32)[..., None]
    return (canvas * (1 - opacity) + generator.uniform(0, 255, 3) * opacity).astype(np.uint8)


def exchanged_region(
    canvas: NDArray[np.uint8], other: NDArray[np.uint8], generator: np.random.Generator
) -> NDArray[np.uint8]:
    """A logical anomaly: a large region shows what another image has there, uint8 (h, w, 3).

    Loose parts become too many or too few, and products of two types are mixed. Where all products are alike only the
    seams are left.
    """
    (top, bottom), (left, right) = (_interval(side, generator) for side in canvas.shape[:2])
    result = canvas.copy()
    result[top:bottom, left:right] = other[top:bottom, left:right]
    return result


def _interval(side: int, generator: np.random.Generator) -> tuple[int, int]:
    length = round(float(generator.uniform(*REGION_SIDES)) * side)
    start = int(generator.integers(0, side - length))
    return start, start + length


def synthetic_auroc(
    normal: Columns, made: Sequence[Columns], scales: Mapping[str, Scale], branches: Sequence[str]
) -> dict[str, float]:
    """AUROC (0..1) per branch on the kind of synthetic anomaly that it tells best.

    Args:
        normal: Raw columns of normal validation images.
        made: Raw columns of synthetic anomalies, one entry per kind.
        scales: Scale of each column.
        branches: Names of the branches.
    """
    return {
        branch: max(auroc(sum_columns(normal, scales, branch), sum_columns(kind, scales, branch)) for kind in made)
        for branch in branches
    }
