"""What each branch can tell apart, shown on anomalies made from normal images (no real anomaly chooses anything).

They are a smoke test, not a judge between good branches (METHOD 9): they only find branches without any signal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from csad.evaluation.auroc import auroc
from csad.fusion import Columns, Scale, sum_columns
from csad.segmentation.lsa import Component, LabelledImage, paste_components

PATCH_SIDES = (0.08, 0.2)
"""Sides of a foreign patch as fractions of the canvas's shorter side."""


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


def separation(
    normal: Columns, made: Sequence[Columns], scales: Mapping[str, Scale], branches: Sequence[str]
) -> dict[str, float]:
    """AUROC (0..1) per branch on the kind of self-made anomaly that it tells best.

    Args:
        normal: Raw columns of normal validation images.
        made: Raw columns of self-made anomalies, one entry per kind.
        scales: Scale of each column.
        branches: Names of the branches.
    """
    return {
        branch: max(auroc(sum_columns(normal, scales, branch), sum_columns(kind, scales, branch)) for kind in made)
        for branch in branches
    }
