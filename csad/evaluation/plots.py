"""The report's plots, as SVG."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from markupsafe import Markup

from csad.common.humanize import plain
from csad.evaluation.by_kind import TYPES, anomalous_kinds, type_of
from csad.evaluation.figures import Evaluation, ImageRecord
from csad.evaluation.svg import Axis, dot, line, path, rectangle, svg, text
from csad.evaluation.tables import fraction
from csad.images.records import GOOD
from csad.metrics.auroc import roc_curve
from csad.scoring.branches import groups

BINS = 64
WIDTH = 1040
LABELS = 190
ROW = 74
BAR = 46
ROC_SIZE = 300
FULL = "full"
INTERVAL_WIDTH = 260


def score_histograms(evaluation: Evaluation) -> Markup:
    """Draw one histogram per kind of image over a common axis, with the threshold.

    The axis is linear from the good images up to the threshold and logarithmic beyond, so that a few huge scores do not
    press everything else together.
    """
    rows = _rows(evaluation.records)
    values = np.array([record.score for record in evaluation.records])
    good = np.array([record.score for record in evaluation.records if record.kind == GOOD])
    centre = float(np.median(good if len(good) else values))
    unit = abs(evaluation.threshold - centre) or 1.0
    low, high = min(float(values.min()), evaluation.threshold), max(float(values.max()), evaluation.threshold)
    axis = Axis(lambda value: math.asinh((value - centre) / unit), low, high, LABELS, WIDTH - 130)
    height = 34 + ROW * len(rows) + 34
    at = axis(evaluation.threshold)
    parts = [text(at, 16, f"threshold {evaluation.threshold:.3g}", "label", "middle")]
    edges = np.linspace(axis.start, axis.end, BINS + 1)
    for index, (name, css, records) in enumerate(rows):
        base = 34 + ROW * (index + 1) - 14
        positions = np.array([axis(record.score) for record in records])
        counts, _ = np.histogram(positions, edges)
        parts.append(text(LABELS - 14, base - 16, name, "label", "end"))
        parts.append(text(LABELS - 14, base, f"{len(records)} images", "note", "end"))
        rejected = sum(record.anomalous for record in records)
        parts.append(text(WIDTH - 116, base - 16, fraction(rejected / len(records)), "label"))
        parts.append(text(WIDTH - 116, base, "rejected", "note"))
        for count, (left, right) in zip(counts, pairwise(edges), strict=True):
            if count:
                size = max(BAR * count / counts.max(), 2.0)
                parts.append(rectangle(left + 0.5, base - size, right - left - 1, size, css))
        parts.append(line(axis.start, base, axis.end, base, "axis"))
    bottom = 34 + ROW * len(rows) - 14
    parts.append(line(at, 22, at, bottom, "threshold"))
    for value in axis.ticks(_nice_numbers(low, high)):
        parts.append(line(axis(value), bottom, axis(value), bottom + 5, "axis"))
        parts.append(text(axis(value), bottom + 19, f"{value:g}", "note", "middle"))
    parts.append(text((axis.start + axis.end) / 2, height - 2, "score", "note", "middle"))
    return svg(WIDTH, height, "histograms of the scores per kind of image", parts)


def roc_plots(evaluation: Evaluation) -> list[Markup]:
    """Draw the ROC curves of every branch, one plot per type of anomaly, or one for all where there are no types."""
    test = [record for record in evaluation.records if record.key.startswith("test/")]
    good = [record for record in test if record.kind == GOOD]
    kinds = anomalous_kinds(record.kind for record in test)
    panels = {name: [kind for kind in kinds if type_of(kind) == name] for name in TYPES}
    panels |= {plain(kind): [kind] for kind in kinds if type_of(kind) is None}
    plots = []
    for name, members in panels.items():
        anomalous = [record for record in test if record.kind in members]
        if good and anomalous:
            plots.append(_roc_plot(name, list(evaluation.branches), good, anomalous))
    return plots


def interval_axis() -> Markup:
    """Draw the numbers above a column of `interval_plot`."""
    axis = _interval_axis()
    parts = [text(axis(value), 14, f"{value:g}", "note", "middle") for value in (50, 60, 70, 80, 90, 100)]
    return svg(INTERVAL_WIDTH, 18, "scale from 50 to 100", parts)


def _interval_axis() -> Axis:
    return Axis(lambda value: value, 50.0, 100.0, 12.0, INTERVAL_WIDTH - 12.0)


def interval_plot(figure: float | None, interval: tuple[float, float] | None, css: str) -> Markup:
    """Draw an AUROC in percent and its interval between 50 and 100."""
    axis = _interval_axis()
    parts = [line(axis(value), 2, axis(value), 20, "grid") for value in (50, 60, 70, 80, 90, 100)]
    if figure is not None and interval is not None:
        parts.append(line(axis(interval[0]), 11, axis(interval[1]), 11, f"interval {css}"))
        parts.append(dot(axis(figure), 11, 4.5, css))
    return svg(INTERVAL_WIDTH, 22, "AUROC between 50 and 100 with its confidence interval", parts)


def _rows(records: Sequence[ImageRecord]) -> list[tuple[str, str, list[ImageRecord]]]:
    """Validation, good test images, then each kind of anomaly; name, style and images of each."""
    found = [
        ("validation, good", "validation", [record for record in records if not record.key.startswith("test/")]),
        ("test, good", "good", [r for r in records if r.key.startswith("test/") and r.kind == GOOD]),
    ]
    for kind in anomalous_kinds(record.kind for record in records):
        css = type_of(kind) or "other"
        found.append((plain(kind), css, [record for record in records if record.kind == kind]))
    return [row for row in found if row[2]]


def _roc_plot(
    name: str, branches: Sequence[str], good: Sequence[ImageRecord], anomalous: Sequence[ImageRecord]
) -> Markup:
    side, left, top = ROC_SIZE, 44, 30
    x = Axis(lambda value: value, 0.0, 1.0, left, left + side)
    y = Axis(lambda value: value, 0.0, 1.0, top + side, top)
    parts = [text(left, 16, f"{name} against good", "label")]
    for value in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts += [line(x(value), y(0), x(value), y(1), "grid"), line(x(0), y(value), x(1), y(value), "grid")]
        parts.append(text(x(value), y(0) + 16, f"{value:g}", "note", "middle"))
        parts.append(text(left - 7, y(value) + 4, f"{value:g}", "note", "end"))
    for branch in sorted(branches, key=_drawing_order):
        curve = roc_curve(_scores(good, branch), _scores(anomalous, branch))
        points = list(zip(map(x, curve.false_positive_rate), map(y, curve.true_positive_rate), strict=True))
        parts.append(path(points, f"curve branch-{branch}"))
    for index, branch in enumerate(sorted(branches, key=_drawing_order, reverse=True)):
        row = y(0) - 14 - 18 * (len(branches) - 1 - index)
        parts += [
            line(x(0.56), row - 4, x(0.64), row - 4, f"curve branch-{branch}"),
            text(x(0.67), row, branch, "note"),
        ]
    parts.append(text(left + side / 2, y(0) + 33, "good images rejected", "note", "middle"))
    middle = top + side / 2
    parts.append(
        f'<g transform="rotate(-90 12 {middle})">{text(12, middle, "anomalies rejected", "note", "middle")}</g>'
    )
    return svg(left + side + 12, top + side + 40, f"ROC curves of the branches, {name}", parts)


def _drawing_order(branch: str) -> int:
    """Single branches at the back, the full score in front."""
    return 2 if branch == FULL else 1 if branch in groups() else 0


def _scores(records: Sequence[ImageRecord], branch: str) -> np.ndarray:
    return np.array([record.score if branch == FULL else record.branches[branch] for record in records])


def _nice_numbers(low: float, high: float) -> list[float]:
    """0 and +-1, 2, 5 times powers of ten, the roundest first: powers of ten, then 5, then 2."""
    largest = max(abs(low), abs(high), 1e-9)
    top = math.ceil(math.log10(largest))
    numbers = [0.0]
    for factor in (1.0, 5.0, 2.0):
        for exponent in range(top, top - 5, -1):
            numbers += [factor * 10.0**exponent, -factor * 10.0**exponent]
    return numbers
