"""All networks of a line: model inputs in, outputs of every branch out (paper 3.3, 3.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from csad.compute.compute_device import disable_tf32
from csad.features.backbone import Backbone
from csad.lgst.teacher import Teacher
from csad.scoring.branches import BatchFeatures, Branch, ModelOutputs


@dataclass(frozen=True)
class AnomalyModel:
    """Backbone, teacher and branches: one pass of the backbone for all.

    Attributes:
        backbone: Frozen pyramid of three stages.
        teacher: Frozen features of the student-teacher branches.
        branches: Lowest rank first.
    """

    backbone: Backbone
    teacher: Teacher
    branches: tuple[Branch, ...]

    def to(self, device: torch.device | str) -> AnomalyModel:
        """Move everything to a device."""
        disable_tf32()
        branches = tuple(branch.to(device) for branch in self.branches)
        return AnomalyModel(self.backbone.to(device), self.teacher.to(device), branches)

    @property
    def device(self) -> torch.device:
        """Where the networks run."""
        return self.teacher.mean.device

    def with_branches(self, branches: Iterable[Branch]) -> AnomalyModel:
        """The same networks with other branches, in the order of their rank."""
        return replace(self, branches=tuple(sorted(branches, key=lambda branch: (branch.rank, branch.kind))))

    def only(self, wanted: Callable[[Branch], bool]) -> AnomalyModel:
        """The same with some of its branches."""
        return replace(self, branches=tuple(branch for branch in self.branches if wanted(branch)))

    @torch.inference_mode()
    def forward(self, images: Tensor, left_out: Sequence[int] | None = None) -> ModelOutputs:
        """Run all branches; their outputs lie on the CPU.

        Args:
            images: Model inputs, float32 (B, 3, h, w) in 0..1 on any device.
            left_out: For training images, the group of each: memory banks leave out what they hold of it.

        Returns:
            float32 (B, ...) by the name of the score that it belongs to.
        """
        batch = BatchFeatures(images.to(self.device), self.backbone, self.teacher, left_out)
        return {name: values.cpu() for branch in self.branches for name, values in branch.forward(batch).items()}

    def columns(self, outputs: ModelOutputs) -> dict[str, Tensor]:
        """Raw scores before normalisation, "score@part" -> float64 (B,) (paper 3.3, 3.4)."""
        return {name: values for branch in self.branches for name, values in branch.columns(outputs).items()}

    def maps(self, outputs: ModelOutputs) -> dict[str, Tensor]:
        """Maps of all branches that draw one, highest rank first: float32 (B, r, c) each."""
        return {name: values for branch in reversed(self.branches) for name, values in branch.maps(outputs).items()}

    def on_scale(self) -> frozenset[str]:
        """Names of the maps that need no change of scale."""
        return frozenset(name for branch in self.branches if branch.on_scale for name in branch.scores)
