"""What the scorer asks of a runtime: canvases in, everything that networks compute out, as numpy arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from csad.scoring.explainers import Explainer, Outputs


@dataclass(frozen=True)
class RuntimeOutputs:
    """What a model computes of B canvases.

    Attributes:
        columns: Raw scores, "score@part" -> float64 (B,).
        fused: The score, float64 (B,).
        maps: Where each score comes from, float32 (B, r, c) by its name, in the order in which they are summed.
        outputs: What explainers read, such as class probabilities, "components" -> float32 (B, K + 1, h, w).
    """

    columns: dict[str, NDArray[np.float64]]
    fused: NDArray[np.float64]
    maps: dict[str, NDArray[np.float32]]
    outputs: Outputs


class Runtime(Protocol):
    """Computes one model.

    Attributes:
        name: "torch", "onnxruntime" or "openvino".
        on_scale: Names of the maps that need no change of scale.
    """

    name: str
    on_scale: frozenset[str]

    @property
    def batch(self) -> int:
        """Images at a time that cost least each, where many wait."""

    @property
    def explainers(self) -> Sequence[Explainer]:
        """What says more of an image than its score."""

    def run(self, canvases: NDArray[np.uint8]) -> RuntimeOutputs:
        """Compute canvases, uint8 (B, H, W, 3), of the model's size; any thread may call it."""

    def use_threads(self, count: int) -> None:
        """Take that many processors for what the calling thread computes next, where the runtime can be told so."""

    def described(self) -> str:
        """Name, version and precision, for people."""
