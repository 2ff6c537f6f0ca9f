"""Cells of the tables: figures over seeds with their intervals, and a dash where there is none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from csad.evaluation.figures import AurocByKind
from csad.reproduction.runs import Run

DASH = "-"


def number(value: float | None, digits: int = 1) -> str:
    """A figure, or a dash."""
    return DASH if value is None else f"{value:.{digits}f}"


def present(values: Iterable[float | None]) -> list[float]:
    """The figures that are there."""
    return [value for value in values if value is not None]


def mean(values: Iterable[float | None]) -> float | None:
    """Their mean; None where one is missing, or there are none."""
    listed = list(values)
    found = present(listed)
    return fmean(found) if found and len(found) == len(listed) else None


def auroc_cell(runs: Sequence[Run], branch: str, kind: str) -> str:
    """Mean AUROC over seeds, the spread of the seeds, and the 95 % interval of the test images (its mean over seeds).

    Args:
        runs: One per seed, of one category and variant.
        branch: "full", a group of branches or a branch.
        kind: "logical", "structural" or "mean".
    """
    found = [run.auroc[branch] for run in runs if branch in run.auroc]
    values = present(getattr(figures, kind) for figures in found)
    if not values:
        return DASH
    text = f"{fmean(values):.1f}"
    if len(values) > 1:
        text += f" (seeds {min(values):.1f} to {max(values):.1f})"
    intervals = [interval for figures in found if (interval := interval_of(figures, kind)) is not None]
    if intervals:
        low, high = fmean(low for low, _ in intervals), fmean(high for _, high in intervals)
        text += f" [{low:.1f}, {high:.1f}]"
    return text


def interval_of(figures: AurocByKind, kind: str) -> tuple[float, float] | None:
    """The 95 % interval of a type; a mean of two types has none."""
    return figures.intervals.get(kind)


def category_mean(groups: Sequence[Sequence[Run]], branch: str, kind: str) -> float | None:
    """Mean over categories of the mean over seeds; None unless each category has the figure.

    Args:
        groups: The runs of each category.
        branch: Same as for `auroc_cell`.
        kind: Same as for `auroc_cell`.
    """
    return mean(auroc_mean(runs, branch, kind) for runs in groups)


def auroc_mean(runs: Sequence[Run], branch: str, kind: str) -> float | None:
    """Mean AUROC over seeds; None where a seed lacks it."""
    return mean(getattr(run.auroc[branch], kind) if branch in run.auroc else None for run in runs)


def spro_mean(runs: Sequence[Run], limit: float) -> float | None:
    """Mean over seeds of the sPRO of all kinds up to a false positive rate, percent; None without masks."""
    return mean(run.spro.all.get(limit) if run.spro else None for run in runs)
