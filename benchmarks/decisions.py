"""What is found at the threshold, and what good products it costs: one record per method, data set and seed."""

from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict

from csad.metrics.auroc import auroc
from csad.metrics.threshold import rate_interval

ABSENT = "-"
POOLED = "all sets pooled"
HEAD = ("", "method", "kind", "AUROC", "found at the threshold (95 % interval)", "good rejected (95 % interval)")


class Count(NamedTuple):
    """Some of the images."""

    rejected: int
    images: int


class Decisions(BaseModel):
    """Image AUROC and decisions of one method on the test images of one data set.

    Attributes:
        data_set: Name of the data set.
        method: Such as "csad" or "PatchCore".
        seed: Random seed of the run.
        auroc: Percent, per kind of anomaly that there is.
        found: Anomalous images above the threshold, per kind.
        good: Good test images above the threshold.
    """

    model_config = ConfigDict(frozen=True)

    data_set: str
    method: str
    seed: int
    auroc: dict[str, float]
    found: dict[str, Count]
    good: Count

    @property
    def all_found(self) -> Count:
        """The anomalies of all kinds."""
        return _sum(self.found.values())


def decide(
    data_set: str, method: str, seed: int, scores: np.ndarray, kinds: Sequence[str], good: str, threshold: float
) -> Decisions:
    """Compare scores with a threshold.

    Args:
        data_set: Name of the data set.
        method: Name of the method.
        seed: Random seed of the run.
        scores: Scores of the test images, float (T,).
        kinds: Kind of each test image.
        good: The kind that is no anomaly.
        threshold: An image is rejected when its score is larger.
    """
    by_kind = {kind: scores[np.array([own == kind for own in kinds])] for kind in sorted(set(kinds))}
    normal = by_kind.pop(good, np.empty(0))
    return Decisions(
        data_set=data_set,
        method=method,
        seed=seed,
        auroc={kind: 100 * auroc(normal, own) for kind, own in by_kind.items()} if len(normal) else {},
        found={kind: _above(own, threshold) for kind, own in by_kind.items()},
        good=_above(normal, threshold),
    )


def decision_rows(decisions: Sequence[Decisions]) -> Iterator[tuple[str, ...]]:
    """Rows under `HEAD`: each data set, method and kind, mean over the seeds; then all sets pooled.

    Seeds look at the same images, so an interval is that of one seed's images at the mean rate.
    """
    methods = list(dict.fromkeys(own.method for own in decisions))
    for name in dict.fromkeys(own.data_set for own in decisions):
        for method in methods:
            runs = [own for own in decisions if (own.data_set, own.method) == (name, method)]
            kinds = list(dict.fromkeys(kind for run in runs for kind in run.found))
            for kind in kinds:
                areas = [run.auroc[kind] for run in runs if kind in run.auroc]
                area = f"{fmean(areas):.1f}" if areas else ABSENT
                yield name, method, kind, area, rate([run.found[kind] for run in runs]), rate([r.good for r in runs])
    if len({own.data_set for own in decisions}) > 1:
        yield from _pooled(decisions, methods)


def rate(counts: Sequence[Count]) -> str:
    """Mean rate over seeds with its Clopper-Pearson interval, such as "90.0 % of 40 (76.3 to 97.2)"."""
    images = round(fmean(count.images for count in counts))
    if not images:
        return ABSENT
    rejected = fmean(count.rejected for count in counts)
    low, high = rate_interval(round(rejected), images)
    return f"{100 * rejected / images:.1f} % of {images} ({100 * low:.1f} to {100 * high:.1f})"


def _pooled(decisions: Sequence[Decisions], methods: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """A row per method, over the sets and seeds that every method has: else they would not be comparable."""
    runs = {method: {(d.data_set, d.seed): d for d in decisions if d.method == method} for method in methods}
    shared = set.intersection(*(set(own) for own in runs.values()))
    sets, seeds = {name for name, _ in shared}, sorted({seed for _, seed in shared})
    whole = [name for name in sorted(sets) if all((name, seed) in shared for seed in seeds)]
    left_out = len({own.data_set for own in decisions}) - len(whole)
    title = POOLED if not left_out else f"{len(whole)} sets pooled ({left_out} without every method and seed left out)"
    for method in methods if whole else ():
        per_seed = [[runs[method][name, seed] for name in whole] for seed in seeds]
        found = [_sum(run.all_found for run in own) for own in per_seed]
        good = [_sum(run.good for run in own) for own in per_seed]
        yield title, method, "all", ABSENT, rate(found), rate(good)


def _above(scores: np.ndarray, threshold: float) -> Count:
    return Count(int((scores > threshold).sum()), len(scores))


def _sum(counts: Iterable[Count]) -> Count:
    rows = list(counts)
    return Count(sum(own.rejected for own in rows), sum(own.images for own in rows))
