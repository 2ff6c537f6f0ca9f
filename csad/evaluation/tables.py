"""An evaluation on the terminal: aligned columns that are neither wrapped nor cut."""

import io
from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from csad.evaluation.by_kind import TYPES, type_of
from csad.evaluation.figures import AurocByKind, Evaluation, Rate, SproByKind

WIDTH = 2000
ABSENT = "-"


def summary(evaluation: Evaluation) -> str:
    """Render detection, localisation and the decision as plain text."""
    console = Console(file=io.StringIO(), width=WIDTH, color_system=None, highlight=False, legacy_windows=False)
    console.print(Group(*_parts(evaluation)))
    text = console.file.getvalue() if isinstance(console.file, io.StringIO) else ""
    return "\n".join(line.rstrip() for line in text.splitlines()).strip()


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
    lines += [(f"{_humanize(kind)} rejected", rate(found)) for kind, found in evaluation.detection_rate.items()]
    if evaluation.synthetic_detection:
        found = (f"{kind} {fraction(rate)}" for kind, rate in evaluation.synthetic_detection.items())
        lines.append(("synthetic anomalies rejected", ", ".join(found)))
    if evaluation.odd_images:
        lines.append(("odd images among the good ones", ", ".join(evaluation.odd_images)))
    if evaluation.validation_vs_test_good_auroc is not None:
        figure = f"{evaluation.validation_vs_test_good_auroc:.1f} (AUROC; 50 = no difference)"
        lines.append(("good test against good validation", figure))
    return lines


def _parts(evaluation: Evaluation) -> Iterator[Table | Text]:
    yield Text(f"{evaluation.line}: image AUROC in percent")
    yield _detection(evaluation)
    if evaluation.image_auroc.by_kind:
        yield from _mean_line(evaluation.image_auroc)
    else:
        yield Text("no AUROC: it takes good test images (test/good) and anomalous ones (test/<kind>)\n")
    if evaluation.spro is None:
        yield Text("no sPRO: the anomalous test images have no masks\n")
    else:
        yield Text("localisation: sPRO in percent, by limit of the false positive rate")
        yield _localisation(evaluation)
        yield from _mean_line(evaluation.spro)
    yield Text("decision at the threshold, with 95 % confidence intervals")
    yield _table(("", ""), decision_lines(evaluation), right_from=2)
    if evaluation.problems:
        yield Text("\n".join(["problems:", *(f"  {problem}" for problem in evaluation.problems)]))
    if evaluation.doubts:
        yield Text("\n".join(["worth a look:", *(f"  {doubt}" for doubt in evaluation.doubts)]))


def _mean_line(figures: AurocByKind | SproByKind) -> Iterator[Text]:
    if figures.mean_of:
        yield Text(f"mean of {averaged(figures)}\n")


def _detection(evaluation: Evaluation) -> Table:
    extra = other_kinds(evaluation.image_auroc)
    head = ("", *TYPES, "mean", *extra)
    rows = []
    for name, row in branch_rows(evaluation):
        figures = (row.logical, row.structural, row.mean, *(row.by_kind[kind] for kind in extra))
        rows.append((name, *map(percent, figures)))
    return _table(head, rows)


def _localisation(evaluation: Evaluation) -> Table:
    spro = evaluation.spro
    assert spro is not None
    named = {"logical": spro.logical, "structural": spro.structural}
    named |= {kind: figures for kind, figures in spro.by_kind.items() if type_of(kind) is None}
    named |= {"mean": spro.mean, "all together": spro.all}
    rows = [
        (name, *(percent(figures[limit]) for limit in spro.all))
        for name, figures in named.items()
        if figures is not None
    ]
    return _table(("", *(f"{limit:g}" for limit in spro.all)), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], right_from: int = 1) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_header=any(head), pad_edge=False, padding=(0, 2, 0, 0))
    for index, name in enumerate(head):
        table.add_column(name, justify="right" if index >= right_from else "left", no_wrap=True, overflow="ignore")
    for row in rows:
        table.add_row(*row)
    return table


def _humanize(kind: str) -> str:
    return kind.replace("_", " ")
