"""Which good images are left out together when a part is fitted without them (cross-conformal calibration)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

FOLDS = 5


def folds_of(groups: Sequence[int]) -> Tensor:
    """Deal groups of near-equal images out to folds, in turn: names often follow days or product types.

    Args:
        groups: Group of each image; images of one group are too alike to judge each other.

    Returns:
        Fold of each image, int64 (N,) in 0..4.
    """
    order = {group: place for place, group in enumerate(dict.fromkeys(groups))}
    return torch.tensor([order[group] % FOLDS for group in groups], dtype=torch.long)
