"""Normal canvases as another day may show them: the camera or a fixture moves, a lamp ages or is turned; no defects.

Ours: what the students of paper 3.4 and the histograms of 3.3 must take for normal.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

REACH = 8
"""Canvas pixels by which a copy moves at most, either way: one cell of the teacher's features."""

LIGHT = 0.1
"""By how much the brightness of a copy changes at most, as a whole, and from the middle to each side on top of it."""

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
    lights = LIGHT * (2 * torch.rand(len(batch), 3, generator=generator) - 1)
    return torch.stack(
        [
            _light(_shift(canvas, down, right), light)
            for canvas, (down, right), light in zip(batch, moves, lights, strict=True)
        ]
    )


def _shift(canvas: Tensor, down: int, right: int) -> Tensor:
    height, width = canvas.shape[-2:]
    padded = functional.pad(canvas[None], (REACH, REACH, REACH, REACH), mode="replicate")[0]
    top, left = REACH - down, REACH - right
    return padded[:, top : top + height, left : left + width]


def _light(canvas: Tensor, light: Tensor) -> Tensor:
    """Change the brightness as a whole, downwards and to the right by fractions, (3,)."""
    rows = torch.linspace(-1, 1, canvas.shape[-2], device=canvas.device)[:, None]
    columns = torch.linspace(-1, 1, canvas.shape[-1], device=canvas.device)
    overall, down, right = light.tolist()
    lit: Tensor = canvas * (1 + overall + down * rows + right * columns)
    return lit.clamp(0, 1)
