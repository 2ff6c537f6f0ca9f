"""Figures per kind of anomaly and per type: logical, structural, their mean."""

from collections.abc import Callable, Iterable, Sequence
from statistics import fmean

import numpy as np

from csad.evaluation.auroc import auroc, auroc_interval
from csad.evaluation.figures import AurocByKind, ImageRecord, SproByKind
from csad.evaluation.spro import LIMITS, Spro
from csad.images.records import GOOD

TYPES = ("logical", "structural")


def type_of(kind: str) -> str | None:
    """Which type a kind of anomaly belongs to, by its name: "logical", "structural" or neither."""
    return next((name for name in TYPES if name in kind.lower()), None)


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
    groups = {**_of_types(kinds), **{kind: [kind] for kind in kinds}}
    areas: dict[str, float] = {}
    intervals: dict[str, tuple[float, float]] = {}
    for name, members in groups.items():
        anomalous = _values(records, members, value)
        if len(good) and len(anomalous):
            area = auroc(good, anomalous)
            low, high = auroc_interval(area, len(good), len(anomalous))
            areas[name], intervals[name] = 100 * area, (100 * low, 100 * high)
    by_kind = {kind: areas[kind] for kind in kinds if kind in areas}
    types = [areas[name] for name in TYPES if name in areas] or list(by_kind.values())
    return AurocByKind(
        logical=areas.get("logical"),
        structural=areas.get("structural"),
        mean=fmean(types) if types else None,
        by_kind=by_kind,
        intervals=intervals,
    )


def spro_by_kind(spro: Spro, kinds: Sequence[str]) -> SproByKind | None:
    """Measure localisation per type and kind; None without any mask.

    Args:
        spro: Holds the maps, grouped by "good" and kind.
        kinds: Kinds of anomalies.
    """
    everything = "all kinds together"
    groups = {**_of_types(kinds), **{kind: [kind] for kind in kinds}, everything: list(kinds)}
    areas = spro.areas({name: [GOOD, *members] for name, members in groups.items()})
    percent = {
        name: {limit: 100 * area for limit, area in found.items()} for name, found in areas.items() if found is not None
    }
    if everything not in percent:
        return None
    by_kind = {kind: percent[kind] for kind in kinds if kind in percent}
    types = [percent[name] for name in TYPES if name in percent] or list(by_kind.values())
    return SproByKind(
        all=percent[everything],
        logical=percent.get("logical"),
        structural=percent.get("structural"),
        mean={limit: fmean(figures[limit] for figures in types) for limit in LIMITS},
        by_kind=by_kind,
    )


def _of_types(kinds: Iterable[str]) -> dict[str, list[str]]:
    kinds = list(kinds)
    found = {name: [kind for kind in kinds if type_of(kind) == name] for name in TYPES}
    return {name: members for name, members in found.items() if members}


def _values(records: Sequence[ImageRecord], kinds: Sequence[str], value: Callable[[ImageRecord], float]) -> np.ndarray:
    return np.array([value(record) for record in records if record.kind in kinds])
