"""Figures per kind of anomaly, per type (logical, structural), and their mean, which leaves no kind out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean

import numpy as np

from csad.evaluation.figures import AurocByKind, ImageRecord, SproByKind
from csad.images.good_names import NEGATIONS, words_of
from csad.images.records import GOOD
from csad.metrics.auroc import auroc, auroc_interval
from csad.metrics.spro import LIMITS, Spro

TYPES = ("logical", "structural")


def type_of(kind: str) -> str | None:
    """Which type a kind of anomaly belongs to, by the whole words of its name.

    Args:
        kind: Such as "logical_anomalies". A "biological_stain" is no logical one, and "logical_or_structural" is of
            neither type.

    Returns:
        "logical", "structural", or None for neither.
    """
    words = words_of(kind)
    found = [name for name in TYPES if name in words]
    if len(found) != 1 or words[words.index(found[0]) - 1 :][0] in NEGATIONS:
        return None
    return found[0]


def anomalous_kinds(kinds: Iterable[str]) -> list[str]:
    """The distinct kinds other than good, sorted."""
    return sorted(set(kinds) - {GOOD})


def auroc_by_kind(records: Sequence[ImageRecord], value: Callable[[ImageRecord], float]) -> AurocByKind:
    """Measure detection per type and kind.

    Args:
        records: Test images, good and anomalous.
        value: The score to measure.
    """
    good = _values(records, [GOOD], value)
    kinds = anomalous_kinds(record.kind for record in records)
    # Measured apart, for a kind may have the very name of a type.
    types, intervals = _areas(good, {name: _values(records, of, value) for name, of in _of_types(kinds).items()})
    by_kind, kind_intervals = _areas(good, {kind: _values(records, [kind], value) for kind in kinds})
    averaged = types | {kind: area for kind, area in by_kind.items() if type_of(kind) is None}
    return AurocByKind(
        logical=types.get("logical"),
        structural=types.get("structural"),
        mean=fmean(averaged.values()) if averaged else None,
        mean_of=tuple(averaged),
        members=_members(by_kind),
        by_kind=by_kind,
        intervals=intervals,
        kind_intervals=kind_intervals,
    )


def _areas(
    good: np.ndarray, groups: Mapping[str, np.ndarray]
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """AUROC and its interval per group of scores, in percent; without good images there is none."""
    areas: dict[str, float] = {}
    intervals: dict[str, tuple[float, float]] = {}
    for name, anomalous in groups.items():
        if len(good) and len(anomalous):
            area = auroc(good, anomalous)
            low, high = auroc_interval(area, len(good), len(anomalous))
            areas[name], intervals[name] = 100 * area, (100 * low, 100 * high)
    return areas, intervals


def spro_by_kind(spro: Spro, kinds: Sequence[str]) -> SproByKind | None:
    """Measure localisation per type and kind; None without any mask.

    Args:
        spro: Holds the maps, grouped by "good" and kind.
        kinds: Kinds of anomalies.
    """
    everything = "all"
    # A folder's name holds no slash, so a kind that has the very name of a type stays apart from it.
    groups = {f"type/{name}": members for name, members in _of_types(kinds).items()}
    groups |= {f"kind/{kind}": [kind] for kind in kinds} | {everything: list(kinds)}
    areas = spro.areas({name: [GOOD, *members] for name, members in groups.items()})
    percent = {
        name: {limit: 100 * area for limit, area in found.items()} for name, found in areas.items() if found is not None
    }
    if everything not in percent:
        return None
    types = {name: percent[f"type/{name}"] for name in TYPES if f"type/{name}" in percent}
    by_kind = {kind: percent[f"kind/{kind}"] for kind in kinds if f"kind/{kind}" in percent}
    averaged = types | {kind: figures for kind, figures in by_kind.items() if type_of(kind) is None}
    return SproByKind(
        all=percent[everything],
        logical=types.get("logical"),
        structural=types.get("structural"),
        mean={limit: fmean(figures[limit] for figures in averaged.values()) for limit in LIMITS},
        mean_of=tuple(averaged),
        members=_members(by_kind),
        by_kind=by_kind,
    )


def _members(kinds: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The kinds that were measured, by type; a type without any is left out."""
    return {name: tuple(members) for name, members in _of_types(kinds).items()}


def _of_types(kinds: Iterable[str]) -> dict[str, list[str]]:
    kinds = list(kinds)
    found = {name: [kind for kind in kinds if type_of(kind) == name] for name in TYPES}
    return {name: members for name, members in found.items() if members}


def _values(records: Sequence[ImageRecord], kinds: Sequence[str], value: Callable[[ImageRecord], float]) -> np.ndarray:
    return np.array([value(record) for record in records if record.kind in kinds])
