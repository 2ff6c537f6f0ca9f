"""Attention windows of the Swin encoder (arXiv:2103.14030): partition, relative positions, visibility after a shift."""

from __future__ import annotations

import torch
from torch import Tensor

MASKED = -100.0
"""Added to the attention between patches that only the shift made neighbours."""


def partition(grid: Tensor, window: int) -> Tensor:
    """Cut a grid into windows.

    Args:
        grid: (B, H, W, C), H and W multiples of the window.
        window: Side of a window, w.

    Returns:
        (B, windows, w * w, C), windows and patches row by row.
    """
    batch, height, width, channels = grid.shape
    cut = grid.view(batch, height // window, window, width // window, window, channels)
    return cut.transpose(2, 3).reshape(batch, -1, window * window, channels)


def merge(windows: Tensor, side: int) -> Tensor:
    """Put windows back into a grid: the inverse of `partition`.

    Args:
        windows: (B, windows, w * w, C).
        side: H and W of the grid.

    Returns:
        (B, side, side, C).
    """
    batch, _, patches, channels = windows.shape
    window = round(patches**0.5)
    cut = windows.view(batch, side // window, side // window, window, window, channels)
    return cut.transpose(2, 3).reshape(batch, side, side, channels)


def relative_positions(window: int) -> Tensor:
    """For each pair of patches in a window, the row of the bias table that belongs to their offset.

    Returns:
        int64 (w * w, w * w), values in 0..(2 w - 1)^2 - 1.
    """
    steps = torch.arange(window, device="cpu")
    offsets = steps[:, None] - steps[None, :] + window - 1  # (w, w): from 0 to 2 w - 2
    rows = offsets[:, None, :, None] * (2 * window - 1)
    pairs = rows + offsets[None, :, None, :]  # (w, w, w, w): row and column of the one, then of the other
    return pairs.reshape(window * window, window * window)


def shift_mask(side: int, window: int, shift: int) -> Tensor:
    """What to add to the attention of shifted windows: those at the rim hold patches from opposite sides of the image.

    Args:
        side: H and W of the grid.
        window: Side of a window, w.
        shift: How far the grid was rolled.

    Returns:
        float32 (windows, w * w, w * w), 0 or `MASKED`.
    """
    places = torch.arange(side, device="cpu")
    band = (places >= side - window).long() + (places >= side - shift).long()  # 0, 1 or 2 along one axis
    region = (3 * band[:, None] + band[None, :]).view(1, side, side, 1)
    regions = partition(region, window)[0, :, :, 0]  # (windows, w * w)
    apart = regions[:, None, :] != regions[:, :, None]
    return torch.where(apart, torch.tensor(MASKED, device="cpu"), torch.tensor(0.0, device="cpu"))
