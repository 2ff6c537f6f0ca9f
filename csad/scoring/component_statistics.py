"""Which component is extra, missing or misplaced, and where: localisation of the histogram branch (paper 3.5).

The paper heats an extra class where it is predicted and a missing one where the nearest normal image has it
(`csad.scoring.mean_localisation`); here only deviations of at least `SIGNIFICANT` standard deviations count (ours).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from csad.imaging.resampling import cell_means, nearest

Floats = NDArray[np.float32]

GRIDS = (1, 2)
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

    means: dict[int, Floats]
    standard_deviations: dict[int, Floats]
    reference_label_maps: NDArray[np.uint8]

    def nearest_type(self, probabilities: Floats) -> int:
        """The product type whose statistics are nearest to one image's probabilities (K + 1, h, w)."""
        found = cell_means(probabilities[1:], 1)
        unusual = np.minimum(np.abs((found - self.means[1]) / self.standard_deviations[1]), 20)
        return int(unusual.reshape(len(unusual), -1).sum(axis=1).argmin())

    def deviations(self, probabilities: Floats) -> list[Deviation]:
        """Compare one image's class probabilities, float32 (K + 1, h, w), with the nearest type, worst first."""
        kind = self.nearest_type(probabilities)
        result = []
        for grid in GRIDS:
            found = cell_means(probabilities[1:], grid)
            means, spread = self.means[grid][kind], self.standard_deviations[grid][kind]
            z_scores = (found - means) / spread
            change = np.abs(found - means)
            unusual = (
                (np.abs(z_scores) >= SIGNIFICANT)
                & (change >= LEAST_FRACTION * grid**2)
                & (change >= LEAST_RELATIVE_CHANGE * means)
            )
            for label, row, column in np.argwhere(unusual).tolist():
                index = (label, row, column)
                values = (float(means[index]), float(found[index]), float(z_scores[index]))
                result.append(Deviation(label + 1, grid, (row, column), *values))
        return sorted(result, key=lambda deviation: -abs(deviation.z_score))

    def heat(self, probabilities: Floats, deviations: Sequence[Deviation]) -> Floats:
        """Show deviations where they are: extra classes at their pixels, missing ones where normal images have them.

        Returns:
            float32 (h, w), 0 where nothing differs.
        """
        height, width = probabilities.shape[-2:]
        heat = np.zeros((height, width), np.float32)
        if not deviations:
            return heat
        labels = probabilities.argmax(axis=0)
        normal = self._nearest_normal(probabilities, height, width)
        for deviation in deviations:
            shown = labels if deviation.z_score > 0 else normal
            inside = np.zeros((height, width), dtype=bool)
            row, column = deviation.cell
            grid = deviation.grid
            inside[
                row * height // grid : (row + 1) * height // grid,
                column * width // grid : (column + 1) * width // grid,
            ] = True
            amount = min(MAXIMUM_HEAT, HEAT_PER_Z * abs(deviation.z_score))
            heat[(shown == deviation.label) & inside] += amount / len(GRIDS)
        return heat

    def _nearest_normal(self, probabilities: Floats, height: int, width: int) -> NDArray[np.uint8]:
        """Label map (height, width) of the normal image with the most similar class histogram."""
        classes = probabilities.shape[0]
        found = cell_means(probabilities[1:], 1).ravel()
        counts = np.stack([np.bincount(normal.ravel(), minlength=classes) for normal in self.reference_label_maps])
        fractions = (counts[:, 1:] / self.reference_label_maps[0].size).astype(np.float32)
        closest = np.square(np.sqrt(fractions) - np.sqrt(found)).sum(axis=1).argmin()
        return nearest(self.reference_label_maps[closest], (height, width))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Flat arrays for the model folder."""
        flat: dict[str, NDArray[Any]] = {"normal_maps": self.reference_label_maps}
        for grid in GRIDS:
            flat[f"means{grid}"] = self.means[grid]
            flat[f"deviations{grid}"] = self.standard_deviations[grid]
        return flat

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> ComponentStatistics:
        """Rebuild what `arrays` stored.

        Raises:
            KeyError: An array is missing.
        """
        return cls(
            {grid: arrays[f"means{grid}"] for grid in GRIDS},
            {grid: arrays[f"deviations{grid}"] for grid in GRIDS},
            arrays["normal_maps"],
        )
