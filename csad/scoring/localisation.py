"""The anomaly map of an image: students' maps and the deviations of components on one scale (paper 3.5, METHOD 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from csad.lgst.maps import HIGH_VALUE, MapNormaliser
from csad.scoring.branches import ModelOutputs
from csad.scoring.component_statistics import ComponentStatistics, Deviation

MapScales = Mapping[str, MapNormaliser]


def student_maps(outputs: ModelOutputs) -> dict[str, Tensor]:
    """The maps that are present, by branch: float32 (B, r, c)."""
    maps = dict(outputs.local_maps)
    if outputs.global_map is not None:
        maps["global"] = outputs.global_map
    return maps


def anomaly_map(
    outputs: ModelOutputs,
    index: int,
    scales: MapScales,
    weights: Mapping[str, float],
    component_statistics: ComponentStatistics | None,
    deviations: Sequence[Deviation],
    size: tuple[int, int],
) -> Tensor:
    """Draw where one image of a batch is unusual.

    Args:
        outputs: What the networks computed.
        index: Which image of the batch.
        scales: Scale of each student's map: its normal cells' upper tail becomes 0.1.
        weights: Fusion weight of each branch.
        component_statistics: Component statistics of the components branch, where there is one.
        deviations: Deviations of this image, from `component_statistics`.
        size: Height and width of the result.

    Returns:
        float32 (height, width), at least 0.
    """
    total = torch.zeros(size)
    for branch, values in student_maps(outputs).items():
        scaled = scales[branch](values[index]).clamp_min(0) * weights.get(branch, 1.0)
        total += _resize(scaled, size)
    if component_statistics is not None and outputs.probabilities is not None and deviations:
        heat = component_statistics.heat(outputs.probabilities[index], deviations)
        total += _resize(heat, size) * weights.get("components", 1.0)
    return total


def normal_tail(scales: MapScales, weights: Mapping[str, float]) -> float:
    """What the upper tail of normal images' cells reaches on the map: each student's 0.1, weighted as the map adds it.

    Args:
        scales: Scale of each student's map.
        weights: Fusion weight of each branch.

    Returns:
        Above 0; 0.1 without students, whose unit the histogram's deviations share.
    """
    return HIGH_VALUE * sum(weights.get(branch, 1.0) for branch in scales) or HIGH_VALUE


def _resize(values: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(values[None, None].float(), size=size, mode="bilinear", align_corners=False)[0, 0]
