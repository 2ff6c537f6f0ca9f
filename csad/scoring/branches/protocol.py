"""What a branch of the score is: the one protocol that fitting, calibration, scoring and the model folder know."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from csad.features.backbone import Backbone
from csad.lgst.teacher import Teacher
from csad.scoring.explainers import Explanation, Outputs

if TYPE_CHECKING:
    from csad.config.line import ProductLine
    from csad.scoring.branches.observer import Observer
    from csad.scoring.branches.training import Training

ModelOutputs = dict[str, Tensor]
"""What the networks say of a batch of inputs, by the name of the score that it belongs to: float32 (B, ...) each."""


class BatchFeatures:
    """Features of a batch that the branches share, computed when the first of them asks.

    Args:
        images: Model inputs, float32 (B, 3, h, w) in 0..1, on the backbone's device.
        backbone: Frozen pyramid.
        teacher: Frozen features of the student-teacher branches.
        left_out: For training images, the group of near-equal images that each belongs to: what a branch holds of
            them it leaves out, as if it had not seen them. None leaves out nothing.
    """

    def __init__(
        self, images: Tensor, backbone: Backbone, teacher: Teacher, left_out: Sequence[int] | None = None
    ) -> None:
        self.images = images
        self.left_out = left_out
        self._backbone = backbone
        self._teacher = teacher

    @cached_property
    def pyramid(self) -> list[Tensor]:
        """Stages of the backbone, (B, C_s, h/s, w/s) for s in 4, 8, 16."""
        pyramid: list[Tensor] = self._backbone(self.images)
        return pyramid

    @cached_property
    def teacher(self) -> Tensor:
        """Standardised teacher features, float32 (B, C, r, c), by default of a cell per 8 pixels."""
        grid = self._teacher.grid_of(self.images.shape[-2], self.images.shape[-1])
        return self._teacher.standardise(self._teacher.combine(self.pyramid, grid))


@dataclass(frozen=True)
class Loading:
    """What a stored branch is rebuilt with besides its own tensors."""

    backbone: Backbone
    line: ProductLine


class Branch(Protocol):
    """One opinion on an image. Implementations inherit from it and are entered with `register`.

    Attributes:
        kind: Unique name of the implementation, and of its file in the model folder.
        scores: Names of the scores that it may give; the fusion weighs each. Two kinds may give a score of the same
            name where a line uses one or the other.
        group: Scores of one group are also reported fused with each other.
        rank: Place in sums and reports, lowest first; sums of maps run the other way. A fixed order keeps scores equal
            to the last digit whatever was imported first.
        has_zero: Its columns are distances, 0 or more. False: deviations, that may have any sign.
        on_scale: Its maps are on the scale of 0.1 already.
        averaged: It draws `average_map`.
    """

    kind: ClassVar[str]
    scores: ClassVar[tuple[str, ...]]
    group: ClassVar[str]
    rank: ClassVar[int] = 100
    has_zero: ClassVar[bool] = True
    averaged: ClassVar[bool] = False

    @property
    def on_scale(self) -> bool:
        """Whether its maps are on the scale of the anomaly map already."""
        return False

    @classmethod
    @abstractmethod
    def fit(cls, training: Training) -> Self | None:
        """Fit on the good training images; None where the line does not use the branch, or has nothing to fit it on."""

    def observer(self, training: Training) -> Observer:
        """What looks at its outputs for all training images, once; the default learns nothing from them."""
        from csad.scoring.branches.observer import Observer

        return Observer(self)

    @abstractmethod
    def forward(self, batch: BatchFeatures) -> ModelOutputs:
        """Run the networks: float32 (B, ...) by the name of a score. An image says the same alone and among others."""

    @abstractmethod
    def columns(self, outputs: ModelOutputs) -> dict[str, Tensor]:
        """Reduce its outputs to numbers.

        Args:
            outputs: Outputs of all branches, on the CPU.

        Returns:
            Raw scores before normalisation, "score@part" -> float64 (B,), larger = more unusual; parts of a score sum.
        """

    def maps(self, outputs: ModelOutputs) -> dict[str, Tensor]:
        """Where it is unusual, float32 (B, r, c) by the name of a score, in any unit: calibration scales them."""
        return {}

    def average_map(self, outputs: Outputs, index: int) -> NDArray[np.float32] | None:
        """Its map of one image in the published average of maps (`fusion.maps: average`), float32 (r, c)."""
        return None

    def explain(self, outputs: Outputs, index: int) -> Explanation:
        """Say what is unusual about one image of a batch; where torch is absent, what `EXPLAINERS` has of its kind."""
        return Explanation()

    def for_export(self, levels: Mapping[str, float]) -> Branch:
        """The same branch in single precision and in operations of ONNX; only `forward` and `columns` are exported.

        Args:
            levels: Value of each of its maps below which nothing is drawn, so that cells there need not be exact as
                long as they stay below it; a map without one counts everywhere.
        """
        return self

    @abstractmethod
    def to(self, device: torch.device | str) -> Self:
        """Move what `forward` uses to a device; `columns` and `maps` work on the CPU."""

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """Flat tensors for the model folder."""

    @classmethod
    @abstractmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], loading: Loading) -> Self:
        """Rebuild what `tensors` stored.

        Raises:
            KeyError: A tensor is missing.
        """
