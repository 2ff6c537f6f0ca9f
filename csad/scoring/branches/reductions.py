"""From a map to one number per image (paper 3.4: the maximum; the mean of the highest cells: ours)."""

from __future__ import annotations

from torch import Tensor

TOP_FRACTION = 0.01
"""A local score is the mean of this fraction of the cells, the highest: a few odd ones are noise, defects larger."""

FEWEST_CELLS = 5
"""Cells that a local score is the mean of at least."""


def maximum(score: str, values: Tensor) -> dict[str, Tensor]:
    """The largest cell of each map (B, r, c), as column "score@max": float64 (B,)."""
    return {f"{score}@max": values.flatten(1).amax(dim=1).double()}


def top_mean(score: str, values: Tensor) -> dict[str, Tensor]:
    """The mean of the highest hundredth of the cells of each map (B, r, c), as column "score@top1%": float64 (B,)."""
    cells = values.flatten(1)
    count = min(max(FEWEST_CELLS, round(TOP_FRACTION * cells.shape[1])), cells.shape[1])
    return {f"{score}@top1%": cells.topk(count, dim=1).values.mean(dim=1).double()}
