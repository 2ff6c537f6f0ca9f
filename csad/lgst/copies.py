"""Normal canvases as another day may show them: the camera or a fixture moves, a lamp ages or is turned; no defects.

Ours: what the students of paper 3.4 and the histograms of 3.3 must take for normal.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

REACH = 8
"""Canvas pixels by which a copy moves at most, either way: one cell of the teacher's features."""

LIGHT = 0.1
"""Fraction by which one side of a copy is brighter than its middle, and the other darker; and by which the brightness
changes at most as a whole, on top of it.
"""

COPIES = 2
"""Copies of each canvas."""


def copy_of(batch: Tensor, generator: torch.Generator) -> Tensor:
    """Light and move every canvas of a batch in a way of its own.

    Args:
        batch: float32 (B, 3, h, w) in 0..1.
        generator: Draws how.

    Returns:
        float32 (B, 3, h, w) in 0..1; what a move uncovers repeats the border.
    """
    moves = torch.randint(-REACH, REACH + 1, (len(batch), 2), generator=generator).tolist()
    lights = torch.rand(len(batch), 2, generator=generator).tolist()
    return torch.stack(
        [
            _light(_shift(canvas, down, right), LIGHT * (2 * overall - 1), 2 * math.pi * turn)
            for canvas, (down, right), (overall, turn) in zip(batch, moves, lights, strict=True)
        ]
    )


def _shift(canvas: Tensor, down: int, right: int) -> Tensor:
    height, width = canvas.shape[-2:]
    padded = functional.pad(canvas[None], (REACH, REACH, REACH, REACH), mode="replicate")[0]
    top, left = REACH - down, REACH - right
    return padded[:, top : top + height, left : left + width]


def _light(canvas: Tensor, overall: float, angle: float) -> Tensor:
    """Change the brightness as a whole, by a fraction, and have the lamp stand at an angle in radians.

    The side changes as far as it may each time: what lies between is as near to the canvas itself.
    """
    rows = torch.linspace(-1, 1, canvas.shape[-2], device=canvas.device)[:, None]
    columns = torch.linspace(-1, 1, canvas.shape[-1], device=canvas.device)
    lit: Tensor = canvas * (1 + overall + LIGHT * (math.sin(angle) * rows + math.cos(angle) * columns))
    return lit.clamp(0, 1)
