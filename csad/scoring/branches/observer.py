"""What a branch learns from its own outputs for all training images, in one pass (paper 3.3; by folds: ours)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from csad.scoring.branches.protocol import Branch, ModelOutputs

OutOfFold = Mapping[str, NDArray[np.float64]]


class Observer:
    """Learns nothing: the branch is whole, and cannot say what it would have made of an image that it had not seen.

    Args:
        branch: Whose outputs are observed.

    Attributes:
        copies: Copies of training images, in other light and a little aside, are to be shown too.
    """

    copies: bool = False

    def __init__(self, branch: Branch) -> None:
        self.branch = branch

    def add(self, outputs: ModelOutputs) -> None:
        """Take in a batch of training images, in order; a branch leaves out what it holds of each (`left_out`)."""

    def add_copies(self, outputs: ModelOutputs, images: Sequence[int]) -> None:
        """Take in copies of training images: which image each copy shows."""

    def fitted(self) -> Branch:
        """The whole branch, after all images were shown."""
        return self.branch

    def out_of_fold(self, folds: NDArray[np.int64], chosen: Sequence[int]) -> OutOfFold | None:
        """Raw columns of training images as if the branch had not seen them.

        Args:
            folds: Fold of each training image, int64 (N,), at least two; near-equal images share one.
            chosen: The n images to score.

        Returns:
            float64 (n,) each; None where that cannot be had, and only validation images calibrate the line.
        """
        return None


class LeaveOneOut(Observer):
    """For branches that leave out what they hold of a training image: its columns are those of an unseen one."""

    def __init__(self, branch: Branch) -> None:
        super().__init__(branch)
        self._columns: dict[str, list[Tensor]] = {}

    def add(self, outputs: ModelOutputs) -> None:
        """Keep the columns of a batch."""
        for name, values in self.branch.columns(outputs).items():
            self._columns.setdefault(name, []).append(values)

    def out_of_fold(self, folds: NDArray[np.int64], chosen: Sequence[int]) -> OutOfFold | None:
        """The columns that were kept."""
        return {name: torch.cat(values).double().numpy()[list(chosen)] for name, values in self._columns.items()}
