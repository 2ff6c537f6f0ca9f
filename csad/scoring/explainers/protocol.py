"""What says more of an image than its score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

Outputs = Mapping[str, Floats]
"""What the networks say of a batch of inputs, by the name of the score that it belongs to: float32 (B, ...) each."""


@dataclass(frozen=True)
class Explanation:
    """What a branch says of one image beyond its score.

    Attributes:
        sentences: What is unusual, worst first.
        heat: Where, float32 (r, c), at least 0, on the scale of the map: 0.1 is what hardly a normal image reaches.
            None where nothing is.
    """

    sentences: tuple[str, ...] = ()
    heat: Floats | None = None


class Explainer(Protocol):
    """A branch of the score, or what stands for it where there is no torch.

    Attributes:
        scores: Names of the scores that it explains.
        averaged: It draws `average_map`.
    """

    @property
    def scores(self) -> tuple[str, ...]:
        """Names of the scores that it explains."""

    @property
    def averaged(self) -> bool:
        """Whether it draws `average_map`."""

    def average_map(self, outputs: Outputs, index: int) -> Floats | None:
        """Its map of one image in the published average of maps (`fusion.maps: average`), float32 (r, c)."""

    def explain(self, outputs: Outputs, index: int) -> Explanation:
        """Say what is unusual about one image of a batch."""
