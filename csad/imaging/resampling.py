"""Resizing and averaging of maps with numpy, cell for cell as torch's `interpolate` and `adaptive_avg_pool2d`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def bilinear(values: NDArray[Any], size: tuple[int, int]) -> Floats:
    """Resize the last two axes, (..., r, c), bilinearly between cell centres: float32 (..., height, width)."""
    rows, columns = values.shape[-2:]
    resized = _bilinear_weights(rows, size[0]) @ values.astype(np.float32) @ _bilinear_weights(columns, size[1]).T
    return np.asarray(resized, dtype=np.float32)


def nearest(values: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Resize the last two axes, each cell taking the value that it lies on, for labels: (..., height, width)."""
    rows, columns = (np.arange(to) * of // to for of, to in zip(values.shape[-2:], size, strict=True))
    return values[..., rows[:, None], columns]


def cell_means(values: NDArray[Any], grid: int) -> Floats:
    """Means of the last two axes, (..., h, w), in grid x grid cells that may overlap by a pixel: float32."""
    rows, columns = values.shape[-2:]
    means = _cell_weights(rows, grid) @ values.astype(np.float32) @ _cell_weights(columns, grid).T
    return np.asarray(means, dtype=np.float32)


@lru_cache(maxsize=64)
def _bilinear_weights(cells: int, size: int) -> Floats:
    """What each of `size` places takes from each of `cells`, float32 (size, cells)."""
    places = np.clip((np.arange(size) + 0.5) * cells / size - 0.5, 0, cells - 1)
    before = places.astype(np.int64)
    weights = np.zeros((size, cells), np.float32)
    weights[np.arange(size), before] = 1 - (places - before)
    weights[np.arange(size), np.minimum(before + 1, cells - 1)] += places - before
    return weights


@lru_cache(maxsize=64)
def _cell_weights(pixels: int, grid: int) -> Floats:
    """What each of `grid` cells takes from each of `pixels`, float32 (grid, pixels)."""
    weights = np.zeros((grid, pixels), np.float32)
    for cell in range(grid):
        start, end = cell * pixels // grid, -(-(cell + 1) * pixels // grid)
        weights[cell, start:end] = 1 / (end - start)
    return weights
