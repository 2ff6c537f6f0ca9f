"""Which good images are left out together when a part is fitted without them (cross-conformal calibration)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

FOLDS = 5
"""Folds of many images."""

FITS_OF_FEW = 300
"""Few images are dealt out to more folds, for a fit without a fifth of them knows much less than the whole one."""


def folds_of(groups: Sequence[int]) -> Tensor:
    """Deal groups of near-equal images out to folds, in turn: names often follow days or product types.

    Args:
        groups: Group of each image; images of one group are too alike to judge each other.

    Returns:
        Fold of each image, int64 (N,): five folds, more for fewer than 60 groups, at most one for each group.
    """
    order = {group: place for place, group in enumerate(dict.fromkeys(groups))}
    folds = max(FOLDS, FITS_OF_FEW // max(1, len(order)))
    return torch.tensor([order[group] % folds for group in groups], dtype=torch.long)
