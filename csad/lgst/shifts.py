"""Normal canvases at slightly other places: a camera or a fixture moves by a few pixels, and that is no defect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor
from torch.nn import functional

REACH = 8
"""Canvas pixels by which a copy moves at most, either way: one cell of the teacher's features."""

COPIES = 2
"""Copies of each canvas."""


def with_shifted_copies(batches: Iterable[Tensor], seed: int) -> Iterator[Tensor]:
    """Go through canvases, each batch followed by `COPIES` of it with every canvas moved by pixels of its own.

    Args:
        batches: float32 (B, 3, h, w) each.
        seed: Of the draw.

    Yields:
        float32 (B, 3, h, w); what a move uncovers repeats the border.
    """
    generator = torch.Generator().manual_seed(seed)
    for batch in batches:
        yield batch
        for _ in range(COPIES):
            moves = torch.randint(-REACH, REACH + 1, (len(batch), 2), generator=generator).tolist()
            yield torch.stack([_shift(canvas, down, right) for canvas, (down, right) in zip(batch, moves, strict=True)])


def _shift(canvas: Tensor, down: int, right: int) -> Tensor:
    height, width = canvas.shape[-2:]
    padded = functional.pad(canvas[None], (REACH, REACH, REACH, REACH), mode="replicate")[0]
    top, left = REACH - down, REACH - right
    return padded[:, top : top + height, left : left + width]
