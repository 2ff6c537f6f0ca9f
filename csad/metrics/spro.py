"""Saturated per-region overlap, sPRO, as MVTec LOCO AD defines it (doi:10.1007/s11263-022-01578-9).

A pixel is predicted anomalous when its score exceeds a threshold. Over all thresholds this traces a curve:

- y, the mean over all defects of min(true positive pixels / saturation, 1);
- x, the false positive rate over all pixels that are free of every defect, of good and anomalous images.

The figure is the area under the curve up to a limit of x, interpolated at the limit and divided by it. The curve is
exact: it has a corner wherever the score of any pixel lies. Only scores of defect pixels move y; between two of them
the curve is a horizontal line whose length is a count of free pixels.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from csad.metrics.ground_truth import Defect
from csad.metrics.sorted_runs import SAMPLE, WINDOW, Between, SortedRuns
from csad.metrics.spro_curve import SproCurve
from csad.metrics.spro_pixels import PixelRange, PixelRun, PixelTies

LIMITS = (0.01, 0.05, 0.1, 0.3, 1.0)


class Spro:
    """Collects anomaly maps and measures how well they localise.

    Scores go to a temporary file, 4 bytes a pixel; memory stays flat (see `sorted_runs`).

    Args:
        folder: Where the temporary file lies; None takes the system's.
        sample: See `SortedRuns`.
        window: See `SortedRuns`.
    """

    def __init__(self, folder: Path | None = None, sample: int = SAMPLE, window: int = WINDOW) -> None:
        self._sorted = SortedRuns(folder, sample, window)
        self._runs: list[PixelRun] = []
        self._free: dict[str, int] = {}
        self._defects: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sorted.__exit__(kind, error, trace)

    def add(self, group: str, scores: np.ndarray, defects: Sequence[Defect]) -> None:
        """Add one image.

        Args:
            group: Under which name its pixels and defects are counted, such as "good".
            scores: Anomaly map at the original size, float32 (H, W), finite.
            defects: Its defects; none for a good image.

        Raises:
            ValueError: A score is not finite, or a mask has another size.
            CsadError: The disk is full.
        """
        scores = np.asarray(scores, dtype=np.float32)
        if not np.isfinite(scores).all():
            raise ValueError(f"{int((~np.isfinite(scores)).sum())} of {scores.size} pixel scores are not finite")
        free = np.ones(scores.shape, dtype=bool)
        for defect in defects:
            if defect.mask.shape != scores.shape:
                raise ValueError(f"a mask has shape {defect.mask.shape}, its map {scores.shape}; expected the same")
            free &= ~defect.mask
            highest = np.sort(-scores[defect.mask])[: math.ceil(defect.saturation)]
            self._append(highest, PixelRun(group, defect.saturation))
        self._append(-scores[free], PixelRun(group, None))
        self._free[group] = self._free.get(group, 0) + int(free.sum())
        self._defects[group] = self._defects.get(group, 0) + len(defects)

    def areas(
        self, figures: Mapping[str, Collection[str]], limits: Sequence[float] = LIMITS
    ) -> dict[str, dict[float, float] | None]:
        """Measure several figures in one pass over all pixels.

        Args:
            figures: For each figure the groups whose pixels and defects it pools.
            limits: False positive rates to integrate to, each above 0 and at most 1.

        Returns:
            For each figure the normalised area, 0..1, per limit; None without defects or without free pixels.
        """
        curves = {}
        for name, groups in figures.items():
            free = sum(self._free.get(group, 0) for group in groups)
            defects = sum(self._defects.get(group, 0) for group in groups)
            if free and defects:
                curves[name] = SproCurve(free, defects, limits)
        for part in self._sorted.merged() if curves else ():
            pixels = PixelRange(part, self._runs) if isinstance(part, Between) else PixelTies(part, self._runs)
            for name, curve in curves.items():
                curve.extend(pixels.descent(figures[name]))
        return {
            name: dict(zip(limits, curves[name].areas.tolist(), strict=True)) if name in curves else None
            for name in figures
        }

    def _append(self, negated: np.ndarray, run: PixelRun) -> None:
        """Store negated scores: the merge rises while thresholds fall."""
        self._sorted.append(negated)
        self._runs.append(run)
