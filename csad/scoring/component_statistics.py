"""Which component is extra, missing or misplaced, and where: localisation of the histogram branch (paper 3.5).

The paper heats an extra class where it is predicted and a missing one where the nearest normal image has it
(`csad.scoring.mean_localisation`); here only deviations of at least `SIGNIFICANT` standard deviations count (ours).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from csad.images.training_images import evenly_spaced
from csad.scoring.histogram import class_fractions

GRIDS = (1, 2)
MAXIMUM_NORMALS = 200
"""Normal label maps kept to show where a missing component would be."""

SIGNIFICANT = 4.0
"""z-score, in standard deviations, from which a deviation is explained and shown as heat."""

LEAST_RELATIVE_CHANGE = 0.2
LEAST_FRACTION = 0.0005
"""Fraction of the product: smaller changes are the segmentation's noise."""

HEAT_PER_Z = 0.1 / SIGNIFICANT
"""The normal maps' upper tail is 0.1; a barely significant deviation shows as much."""

MAXIMUM_HEAT = 3.0


@dataclass(frozen=True)
class Deviation:
    """A component class whose amount is unusual.

    Attributes:
        label: Class, 1..K.
        grid: Cells per side of the grid that shows it.
        cell: Row and column in that grid.
        expected: Usual fraction of the cell, 0..1.
        found: Fraction found.
        z_score: How unusual, in standard deviations; negative when there is too little.
    """

    label: int
    grid: int
    cell: tuple[int, int]
    expected: float
    found: float
    z_score: float


@dataclass(frozen=True)
class ComponentStatistics:
    """Statistics of the components of normal products, per type.

    Attributes:
        means: Per grid, usual fractions, float32 (T, K, P, P).
        standard_deviations: Per grid, their standard deviations with a floor, float32 (T, K, P, P).
        reference_label_maps: Label maps of normal images, uint8 (M, h, w).
    """

    means: dict[int, Tensor]
    standard_deviations: dict[int, Tensor]
    reference_label_maps: Tensor

    def nearest_type(self, probabilities: Tensor) -> int:
        """The product type whose statistics are nearest to one image's probabilities (K + 1, h, w)."""
        found = _fractions(probabilities[None], 1)[0]
        unusual = ((found - self.means[1]) / self.standard_deviations[1]).abs().clamp_max(20).flatten(1).sum(dim=1)
        return int(unusual.argmin())

    def deviations(self, probabilities: Tensor) -> list[Deviation]:
        """Compare one image's class probabilities, float32 (K + 1, h, w), with the nearest type, worst first."""
        kind = self.nearest_type(probabilities)
        result = []
        for grid in GRIDS:
            found = _fractions(probabilities[None], grid)[0]
            means, spread = self.means[grid][kind], self.standard_deviations[grid][kind]
            z_scores = (found - means) / spread
            change = (found - means).abs()
            unusual = (
                (z_scores.abs() >= SIGNIFICANT)
                & (change >= LEAST_FRACTION * grid**2)
                & (change >= LEAST_RELATIVE_CHANGE * means)
            )
            for label, row, column in unusual.nonzero().tolist():
                index = (label, row, column)
                values = (float(means[index]), float(found[index]), float(z_scores[index]))
                result.append(Deviation(label + 1, grid, (row, column), *values))
        return sorted(result, key=lambda deviation: -abs(deviation.z_score))

    def heat(self, probabilities: Tensor, deviations: Sequence[Deviation]) -> Tensor:
        """Show deviations where they are: extra classes at their pixels, missing ones where normal images have them.

        Returns:
            float32 (h, w), 0 where nothing differs.
        """
        height, width = probabilities.shape[-2:]
        heat = torch.zeros(height, width)
        if not deviations:
            return heat
        labels = probabilities.argmax(dim=0)
        normal = self._nearest_normal(probabilities, height, width)
        for deviation in deviations:
            shown = labels if deviation.z_score > 0 else normal
            inside = torch.zeros(height, width, dtype=torch.bool)
            row, column = deviation.cell
            grid = deviation.grid
            inside[
                row * height // grid : (row + 1) * height // grid,
                column * width // grid : (column + 1) * width // grid,
            ] = True
            amount = min(MAXIMUM_HEAT, HEAT_PER_Z * abs(deviation.z_score))
            heat[(shown == deviation.label) & inside] += amount / len(GRIDS)
        return heat

    def _nearest_normal(self, probabilities: Tensor, height: int, width: int) -> Tensor:
        """Label map (height, width) of the normal image with the most similar class histogram."""
        classes = probabilities.shape[0]
        found = _fractions(probabilities[None], 1).flatten()
        histograms = torch.stack(
            [torch.bincount(m.flatten().long(), minlength=classes) for m in self.reference_label_maps]
        )
        fractions = histograms[:, 1:].float() / self.reference_label_maps[0].numel()
        nearest = (fractions.sqrt() - found.sqrt()).square().sum(dim=1).argmin()
        chosen = self.reference_label_maps[nearest][None, None].float()
        return functional.interpolate(chosen, size=(height, width), mode="nearest")[0, 0].long()

    def tensors(self) -> dict[str, Tensor]:
        """Flat tensors for the model folder."""
        flat = {"normal_maps": self.reference_label_maps.contiguous()}
        for grid in GRIDS:
            flat[f"means{grid}"] = self.means[grid].contiguous()
            flat[f"deviations{grid}"] = self.standard_deviations[grid].contiguous()
        return flat

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> ComponentStatistics:
        """Rebuild what `tensors` stored."""
        return cls(
            {grid: tensors[f"means{grid}"] for grid in GRIDS},
            {grid: tensors[f"deviations{grid}"] for grid in GRIDS},
            tensors["normal_maps"],
        )


class ComponentStatisticsBuilder:
    """Collects the class fractions and label maps of normal images, a batch at a time.

    Args:
        images: How many images will come; of as many as are kept, the label maps are spread evenly over them.
    """

    def __init__(self, images: int) -> None:
        self._fractions: dict[int, list[Tensor]] = {grid: [] for grid in GRIDS}
        self._maps: list[Tensor] = []
        self._shown = set(evenly_spaced(images, MAXIMUM_NORMALS))
        self._count = 0
        self._pixels = 1

    def add(self, probabilities: Tensor) -> None:
        """Take in the class probabilities of normal images, float32 (B, K + 1, h, w)."""
        for grid in GRIDS:
            self._fractions[grid].append(_fractions(probabilities, grid))
        shown = [index for index in range(len(probabilities)) if self._count + index in self._shown]
        if shown:
            self._maps.extend(functional.avg_pool2d(probabilities[shown], 2).argmax(dim=1).to(torch.uint8))
        self._count += len(probabilities)
        self._pixels = probabilities.shape[-1] * probabilities.shape[-2]

    def build(self, types: NDArray[np.int64]) -> ComponentStatistics:
        """Summarise per product type; `types` (N,) follows the order of the images."""
        kinds = np.unique(types)
        means, standard_deviations = {}, {}
        for grid in GRIDS:
            fractions = torch.cat(self._fractions[grid])
            floor = 2 * grid**2 / self._pixels
            groups = [fractions[torch.from_numpy(types == kind)] for kind in kinds]
            means[grid] = torch.stack([group.mean(dim=0) for group in groups])
            standard_deviations[grid] = torch.stack(
                [group.std(dim=0, correction=0).clamp_min(floor) for group in groups]
            )
        return ComponentStatistics(means, standard_deviations, torch.stack(self._maps))


def _fractions(probabilities: Tensor, grid: int) -> Tensor:
    """Class fractions as (B, K, P, P)."""
    return class_fractions(probabilities, grid).view(len(probabilities), -1, grid, grid)
