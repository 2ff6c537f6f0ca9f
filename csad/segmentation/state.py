"""What one step of the segmentation network's training hands to the next (paper 3.2)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch.optim.swa_utils import AveragedModel

from csad.compute.checkpoint import Checkpoint, optimiser_tensors, restore_optimiser
from csad.segmentation.network import SegmentationNetwork


@dataclass
class EndlessOrder:
    """Indices in a random order, and again in another.

    Attributes:
        indices: All of them, int (N,).
        generator: Draws each order when it begins.
        ahead: What is left of the present order.
    """

    indices: NDArray[np.int64]
    generator: np.random.Generator
    ahead: list[int] = field(default_factory=list)

    def take(self, count: int) -> list[int]:
        """The next `count` indices."""
        return [self._next() for _ in range(count)]

    def _next(self) -> int:
        if not self.ahead:
            self.ahead = [int(index) for index in self.generator.permutation(self.indices)]
        return self.ahead.pop(0)


@dataclass(frozen=True)
class TrainingState:
    """The network in training and everything random; dropout draws from torch's global generator besides.

    Attributes:
        network: Its decoder and head are trained.
        average: Exponential average of its trainable weights.
        optimiser: Optimiser of its trainable weights.
        generator: Draws orders, pastes and histograms.
        draw: Draws geometric and photometric changes.
        labelled: Order of the labelled images.
        unlabelled: Order of the others.
    """

    network: SegmentationNetwork
    average: AveragedModel
    optimiser: torch.optim.Optimizer
    generator: np.random.Generator
    draw: torch.Generator
    labelled: EndlessOrder
    unlabelled: EndlessOrder

    def checkpoint(self, step: int) -> Checkpoint:
        """Describe the state after `step` steps."""
        return Checkpoint(
            step,
            parts={
                "network": self.network.trainable_state(),
                "average": self.average.state_dict(),
                "optimiser": optimiser_tensors(self.optimiser),
                "random": {"global": torch.get_rng_state(), "draw": self.draw.get_state()},
            },
            draws={
                "generator": self.generator.bit_generator.state,
                "labelled": self.labelled.ahead,
                "unlabelled": self.unlabelled.ahead,
            },
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go back, in place, to what `checkpoint` described."""
        parts, draws = checkpoint.parts, checkpoint.draws
        self.network.load_trainable_state(dict(parts["network"]))
        self.average.load_state_dict(parts["average"])
        restore_optimiser(self.optimiser, parts["optimiser"])
        torch.set_rng_state(parts["random"]["global"])
        self.draw.set_state(parts["random"]["draw"])
        self.generator.bit_generator.state = draws["generator"]
        self.labelled.ahead, self.unlabelled.ahead = list(draws["labelled"]), list(draws["unlabelled"])
