"""An evaluation on the terminal."""

from collections.abc import Iterator

from csad.common.humanize import plain
from csad.common.tables import table
from csad.evaluation.by_kind import TYPES, type_of
from csad.evaluation.figures import AurocByKind, Evaluation, Rate, SproByKind

ABSENT = "-"


def summary(evaluation: Evaluation) -> str:
    """Render detection, localisation and the decision as plain text."""
    return "\n\n".join("\n".join(lines) for lines in _parts(evaluation))


def branch_rows(evaluation: Evaluation) -> list[tuple[str, AurocByKind]]:
    """The ablation, the full score last, and the background where it was measured."""
    rows = list(evaluation.branches.items())
    if evaluation.background_only_auroc is not None:
        rows.append(("background only", evaluation.background_only_auroc))
    return rows


def other_kinds(figures: AurocByKind) -> list[str]:
    """Kinds that are neither logical nor structural."""
    return [kind for kind in figures.by_kind if type_of(kind) is None]


def averaged(figures: AurocByKind | SproByKind) -> str:
    """What a mean is over, such as "logical (logical_anomalies), dents"; empty where nothing was measured."""
    members = figures.members
    return ", ".join(f"{name} ({', '.join(members[name])})" if name in members else name for name in figures.mean_of)


def percent(value: float | None) -> str:
    """One decimal, or a dash."""
    return ABSENT if value is None else f"{value:.1f}"


def fraction(value: float) -> str:
    """A fraction in percent, such as "2.1 %"."""
    return f"{100 * value:.1f} %"


def rate(found: Rate) -> str:
    """Such as "2.1 % (1 of 47; 0.1 to 11.3 %)"."""
    if found.rate is None:
        return "no images"
    low, high = found.interval
    return f"{fraction(found.rate)} ({found.rejected} of {found.images}; {100 * low:.1f} to {fraction(high)})"


def decision_lines(evaluation: Evaluation) -> list[tuple[str, str]]:
    """What the threshold does, as pairs of label and figure."""
    rejects = evaluation.false_rejects
    lines = [
        ("threshold", f"{evaluation.threshold:.4g}, for a false-reject rate of {fraction(rejects.promised)}"),
        ("good test images rejected", rate(rejects.test_good)),
        ("good validation images rejected", rate(rejects.validation)),
    ]
    lines += [(f"{plain(kind)} rejected", rate(found)) for kind, found in evaluation.detection_rate.items()]
    if evaluation.synthetic_detection:
        found = (f"{kind} {fraction(rate)}" for kind, rate in evaluation.synthetic_detection.items())
        lines.append(("synthetic anomalies rejected", ", ".join(found)))
    if evaluation.odd_images:
        lines.append(("odd images among the good ones", ", ".join(evaluation.odd_images)))
    if evaluation.validation_vs_test_good_auroc is not None:
        figure = f"{evaluation.validation_vs_test_good_auroc:.1f} (AUROC; 50 = no difference)"
        lines.append(("good test against good validation", figure))
    return lines


def localisation_rows(spro: SproByKind) -> Iterator[tuple[str, list[str]]]:
    """Name and sPRO in percent at each limit of `spro.all`: by type, by kind, the mean and all together."""
    named = {"logical": spro.logical, "structural": spro.structural}
    named |= {plain(kind): figures for kind, figures in spro.by_kind.items() if type_of(kind) is None}
    named |= {"mean": spro.mean, "all together": spro.all}
    for name, figures in named.items():
        if figures is not None:
            yield name, [percent(figures[limit]) for limit in spro.all]


def _parts(evaluation: Evaluation) -> Iterator[list[str]]:
    auroc, spro = evaluation.image_auroc, evaluation.spro
    detection = [f"{evaluation.line}: image AUROC in percent", _detection(evaluation)]
    if auroc.by_kind:
        yield [*detection, *_mean_line(auroc)]
    else:
        yield [*detection, "no AUROC: it takes good test images (test/good) and anomalous ones (test/<kind>)"]
    if spro is None:
        yield ["no sPRO: the anomalous test images have no masks"]
    else:
        rows = [(name, *figures) for name, figures in localisation_rows(spro)]
        limits = ("", *(f"{limit:g}" for limit in spro.all))
        title = "localisation: sPRO in percent, by limit of the false positive rate"
        yield [title, table(limits, rows, right_from=1), *_mean_line(spro)]
    yield ["decision at the threshold, with 95 % confidence intervals", table(("", ""), decision_lines(evaluation))]
    if evaluation.problems:
        yield ["problems:", *(f"  {problem}" for problem in evaluation.problems)]
    if evaluation.doubts:
        yield ["worth a look:", *(f"  {doubt}" for doubt in evaluation.doubts)]


def _mean_line(figures: AurocByKind | SproByKind) -> list[str]:
    return [f"mean of {averaged(figures)}"] if figures.mean_of else []


def _detection(evaluation: Evaluation) -> str:
    extra = other_kinds(evaluation.image_auroc)
    rows = []
    for name, row in branch_rows(evaluation):
        figures = (row.logical, row.structural, row.mean, *(row.by_kind[kind] for kind in extra))
        rows.append((name, *map(percent, figures)))
    return table(("", *TYPES, "mean", *extra), rows, right_from=1)
