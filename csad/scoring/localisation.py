"""The anomaly map of an image: students' maps and the histogram's differences on one scale (paper 3.5, METHOD 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from csad.lgst.maps import HIGH_VALUE, MapNormaliser
from csad.scoring.branches import Views
from csad.scoring.inventory import Difference, Inventory

MapScales = Mapping[str, MapNormaliser]


def student_maps(views: Views) -> dict[str, Tensor]:
    """The maps that are present, by branch: float32 (B, r, c)."""
    maps = dict(views.local_maps)
    if views.global_map is not None:
        maps["global"] = views.global_map
    return maps


def anomaly_map(
    views: Views,
    index: int,
    scales: MapScales,
    weights: Mapping[str, float],
    inventory: Inventory | None,
    differences: Sequence[Difference],
    size: tuple[int, int],
) -> Tensor:
    """Draw where one image of a batch is unusual.

    Args:
        views: What the networks saw.
        index: Which image of the batch.
        scales: Scale of each student's map: its normal cells' upper tail becomes 0.1.
        weights: What each branch counts.
        inventory: Of the components branch, where there is one.
        differences: Of this image, from `inventory`.
        size: Height and width of the result.

    Returns:
        float32 (height, width), at least 0.
    """
    total = torch.zeros(size)
    for branch, values in student_maps(views).items():
        scaled = scales[branch](values[index]).clamp_min(0) * weights.get(branch, 1.0)
        total += _resize(scaled, size)
    if inventory is not None and views.probabilities is not None and differences:
        heat = inventory.heat(views.probabilities[index], differences)
        total += _resize(heat, size) * weights.get("components", 1.0)
    return total


def normal_tail(scales: MapScales, weights: Mapping[str, float]) -> float:
    """What the upper tail of normal images' cells reaches on the map: each student's 0.1, weighted as the map adds it.

    Args:
        scales: Scale of each student's map.
        weights: What each branch counts.

    Returns:
        Above 0; 0.1 without students, whose unit the histogram's differences share.
    """
    return HIGH_VALUE * sum(weights.get(branch, 1.0) for branch in scales) or HIGH_VALUE


def _resize(values: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(values[None, None].float(), size=size, mode="bilinear", align_corners=False)[0, 0]
