"""From sorted pixels to pieces of an sPRO curve (doi:10.1007/s11263-022-01578-9)."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from csad.metrics.sorted_runs import Between, Ties
from csad.metrics.spro_curve import Descent


@dataclass(frozen=True)
class PixelRun:
    """What one sorted run holds: the free pixels of an image, or as many pixels of a defect as can count.

    Attributes:
        group: Under which name they are counted.
        saturation: Saturation of the defect, in pixels; None for free pixels.
    """

    group: str
    saturation: float | None

    def gains(self, start: int, count: int) -> np.ndarray:
        """Overlap that each of `count` defect pixels from rank `start` on adds; all ranks together add 1."""
        if self.saturation is None:
            return np.zeros(count)
        gains = np.full(count, 1 / self.saturation)
        last = math.ceil(self.saturation) - 1
        if start <= last < start + count:
            gains[last - start] = 1 - last / self.saturation
        return gains


class PixelRange:
    """The pixels with scores in a range, all of them in memory.

    Args:
        part: Negated scores per run.
        runs: What the runs hold.
    """

    def __init__(self, part: Between, runs: Sequence[PixelRun]) -> None:
        free: dict[str, list[np.ndarray]] = {}
        scores: dict[str, list[np.ndarray]] = {}
        gains: dict[str, list[np.ndarray]] = {}
        for run, values, start in zip(runs, part.values, part.starts, strict=True):
            if run.saturation is None:
                free.setdefault(run.group, []).append(values)
            else:
                scores.setdefault(run.group, []).append(values)
                gains.setdefault(run.group, []).append(run.gains(start, len(values)))
        self._free = {group: np.sort(np.concatenate(arrays)) for group, arrays in free.items()}
        self._scores = {group: np.concatenate(arrays) for group, arrays in scores.items()}
        self._gains = {group: np.concatenate(arrays) for group, arrays in gains.items()}

    def descent(self, groups: Collection[str]) -> Descent:
        """Pool some groups."""
        empty = np.empty(0, dtype=np.float32)
        scores = np.concatenate([empty, *(self._scores[group] for group in groups if group in self._scores)])
        gains = np.concatenate([np.empty(0), *(self._gains[group] for group in groups if group in self._gains)])
        distinct, position = np.unique(scores, return_inverse=True)
        free = [self._free[group] for group in groups if group in self._free]
        before = np.zeros(len(distinct), dtype=np.int64)
        through = np.zeros(len(distinct), dtype=np.int64)
        for values in free:
            before += np.searchsorted(values, distinct, side="left")
            through += np.searchsorted(values, distinct, side="right")
        return Descent(
            before=before,
            through=through,
            gains=np.bincount(position, weights=gains, minlength=len(distinct)),
            total=sum(map(len, free)),
        )


class PixelTies:
    """The pixels with one and the same score, counted.

    Args:
        part: Counts per run.
        runs: What the runs hold.
    """

    def __init__(self, part: Ties, runs: Sequence[PixelRun]) -> None:
        self._part = part
        self._runs = runs

    def descent(self, groups: Collection[str]) -> Descent:
        """Pool some groups."""
        free = 0
        gain = 0.0
        for run, count, start in zip(self._runs, self._part.counts, self._part.starts, strict=True):
            if run.group in groups and run.saturation is None:
                free += count
            elif run.group in groups:
                gain += float(run.gains(start, count).sum())
        return Descent(before=np.array([0]), through=np.array([free]), gains=np.array([gain]), total=free)
