"""Branch: the paper's local and global students, who disagree with their teacher where it is unusual (paper 3.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch
from torch import Tensor

from csad.lgst.paper.mean_map import BRANCH as MEAN_MAP
from csad.lgst.paper.mean_map import MeanMap
from csad.lgst.paper.students import Students
from csad.scoring.branches.protocol import BatchFeatures, Branch, Loading, ModelOutputs
from csad.scoring.branches.reductions import maximum, top_mean
from csad.scoring.branches.registry import register
from csad.scoring.branches.training import Training
from csad.scoring.named_tensors import flat, part_of

GLOBAL, LOCAL = "global", "local"


@register
@dataclass(frozen=True)
class StudentBranch(Branch):
    """Autoencoder and patch description network, or one of them. Outputs: their maps, float32 (B, r, c).

    The networks saw all training images, so that only validation images calibrate a line that uses them.

    Attributes:
        students: The networks.
        mean_map: Scales of both maps, where the largest value of their mean is the score (`lgst.score: mean_map`).
    """

    kind: ClassVar[str] = "student_networks"
    scores: ClassVar[tuple[str, ...]] = (GLOBAL, LOCAL, MEAN_MAP)
    group: ClassVar[str] = "lgst"
    rank: ClassVar[int] = 30

    students: Students
    mean_map: MeanMap | None = None

    @property
    def on_scale(self) -> bool:
        """The mean map is."""
        return self.mean_map is not None

    @classmethod
    def fit(cls, training: Training) -> Self | None:
        """Take the networks of the lgst stage; None where the line trains none."""
        return cls(training.lgst.students, training.lgst.mean_map) if training.lgst.students else None

    def forward(self, batch: BatchFeatures) -> ModelOutputs:
        """Compare the students with their teacher and with each other."""
        maps = self.students.maps(batch.images, batch.teacher)
        if self.mean_map:
            return {MEAN_MAP: self.mean_map(maps)}
        # The second head expects the autoencoder's blur, so it speaks for the arrangement (paper 3.4).
        arrangement = maps.global_student if maps.second_head is None else maps.second_head
        outputs = {LOCAL: maps.local, GLOBAL: arrangement}
        return {name: values for name, values in outputs.items() if values is not None}

    def columns(self, outputs: ModelOutputs) -> dict[str, Tensor]:
        """The largest value of the mean map and of the global one, the mean of the highest of the local one."""
        columns: dict[str, Tensor] = {}
        for name, values in self.maps(outputs).items():
            columns |= top_mean(name, values) if name == LOCAL else maximum(name, values)
        return columns

    def maps(self, outputs: ModelOutputs) -> dict[str, Tensor]:
        """The students' maps."""
        if self.mean_map:
            return {MEAN_MAP: outputs[MEAN_MAP]}
        present = (self.students.local, self.students.autoencoder)
        return {name: outputs[name] for name, student in zip((LOCAL, GLOBAL), present, strict=True) if student}

    def to(self, device: torch.device | str) -> Self:
        """Move the networks."""
        return replace(self, students=self.students.to(device))

    def tensors(self) -> dict[str, Tensor]:
        """The networks, and the scales of the mean map."""
        parts: dict[str, Mapping[str, Tensor]] = {"students": self.students.tensors()}
        if self.mean_map:
            parts["mean_map"] = self.mean_map.tensors()
        return flat(**parts)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], loading: Loading) -> Self:
        """Rebuild what `tensors` stored."""
        students, scales = part_of(tensors, "students"), part_of(tensors, "mean_map")
        return cls(Students.from_tensors(students), MeanMap.from_tensors(scales) if scales else None)
