"""The score of the published student-teacher branch: the largest value of the mean of its two maps (paper 3.4).

The map of the local student and that of the second head are each brought to one scale on normal validation images
(`csad.lgst.maps`), then averaged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from csad.lgst.maps import SAMPLE_SIZE, CellSample, MapNormaliser
from csad.lgst.paper.students import StudentMaps, Students
from csad.lgst.teacher import Teacher

BRANCH = "students"
"""Branch of the score that the mean map is, and its map's name."""


@dataclass(frozen=True)
class MeanMap:
    """Scales of both maps.

    Attributes:
        local: Scale of the teacher against the local student.
        second_head: Scale of the autoencoder against the local student's second output.
    """

    local: MapNormaliser
    second_head: MapNormaliser

    def __call__(self, maps: StudentMaps) -> Tensor:
        """Normalise and average the maps, (B, h, w) each: float32 (B, h, w), below 0 where all is as usual."""
        assert maps.local is not None
        assert maps.second_head is not None
        mean: Tensor = (self.local(maps.local) + self.second_head(maps.second_head)) / 2
        return mean

    def tensors(self) -> dict[str, Tensor]:
        """Flat tensors for the model folder."""
        quantiles = [[scale.low, scale.high] for scale in (self.local, self.second_head)]
        return {"quantiles": torch.tensor(quantiles, dtype=torch.float64)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> MeanMap:
        """Rebuild what `tensors` stored."""
        local, second_head = (MapNormaliser(*quantiles) for quantiles in tensors["quantiles"].tolist())
        return cls(local, second_head)


@torch.no_grad()
def fit_mean_map(students: Students, teacher: Teacher, batches: Iterable[Tensor], seed: int) -> MeanMap:
    """Measure both scales on normal validation images.

    Args:
        students: Both of them, trained.
        teacher: On the same device.
        batches: Canvases that no student learned from, float32 (B, 3, H, W) in 0..1 each.
        seed: Draws the cells that stand for all where there are many.

    Raises:
        DatasetError: There is no image.
    """
    samples = CellSample(SAMPLE_SIZE, seed), CellSample(SAMPLE_SIZE, seed)
    for batch in batches:
        images = batch.to(teacher.mean.device)
        maps = students.maps(images, teacher(images))
        for sample, values in zip(samples, (maps.local, maps.second_head), strict=True):
            assert values is not None
            sample.add(values)
    return MeanMap(*(MapNormaliser.from_sample(sample.values) for sample in samples))
