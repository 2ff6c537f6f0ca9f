"""Measurements as Markdown tables: the mean and the worst of the seeds."""

from collections.abc import Callable, Iterator, Sequence
from statistics import fmean

from benchmarks.datasets import CLASS_HISTOGRAM, FULL, NO_LSA, PAPER_HISTOGRAM, PAPER_STUDENTS, PLAIN_SUM
from benchmarks.measurement import Measurement
from csad.common.tables import markdown_table
from csad.config.settings import LgstSettings

ABSENT = "-"
Figure = Callable[[Measurement], float | None]
KINDS = ("logical", "structural")
STUDENT_STEPS = LgstSettings().steps

ABLATION_ROWS = (
    ("full method", FULL.name, "full"),
    ("no LSA", NO_LSA.name, "full"),
    ("no LSA, histogram only", NO_LSA.name, "histogram"),
    ("class histogram only (1 x 1)", CLASS_HISTOGRAM.name, "components"),
    ("component histogram only (1 x 1 and 2 x 2)", FULL.name, "components"),
    ("histogram only", FULL.name, "histogram"),
    ("LGST only", FULL.name, "lgst"),
    ("plain sum of the branches (the paper's)", PLAIN_SUM.name, "full"),
    ("hard counts, pseudo-inverse, no words (the paper's), histogram only", PAPER_HISTOGRAM.name, "histogram"),
    (f"autoencoder and PDN (the paper's), {STUDENT_STEPS:,} steps, LGST only", PAPER_STUDENTS.name, "lgst"),
    (f"autoencoder and PDN (the paper's), {STUDENT_STEPS:,} steps, full method", PAPER_STUDENTS.name, "full"),
)
"""Title, variant that was trained, branch or group of its score."""


def report(name: str, runs: Sequence[Measurement], command: str) -> str:
    """Everything about one data set.

    Args:
        name: Name of the data set.
        runs: All seeds of all variants that were measured; the full method is among them.
        command: Which command made them.
    """
    full = [run for run in runs if run.variant == FULL.name]
    parts = [f"## {name}", detection(full), other_figures(full)]
    if len(runs) > len(full):
        parts += ["Ablations, image AUROC in percent:", ablations(runs)]
    return "\n\n".join([*parts, "\n".join(_origin(runs, command))])


def detection(full: Sequence[Measurement]) -> str:
    """Image AUROC per branch and group, the full score last."""
    kinds = [kind for kind in KINDS if any(run.auroc["full"][kind] is not None for run in full)]
    head = ("image AUROC, percent", *(f"{kind}, {which}" for kind in kinds for which in ("mean", "worst")))
    rows = [(branch, *_cells(full, branch, kinds)) for branch in full[0].auroc]
    return markdown_table(head, rows)


def ablations(runs: Sequence[Measurement]) -> str:
    """The rows of `ABLATION_ROWS` that were measured."""
    kinds = [kind for kind in KINDS if any(run.auroc["full"][kind] is not None for run in runs)]
    head = ("", *(f"{kind}, {which}" for kind in kinds for which in ("mean", "worst")))
    rows = []
    for title, variant, branch in ABLATION_ROWS:
        chosen = [run for run in runs if run.variant == variant]
        if chosen:
            rows.append((title, *_cells(chosen, branch, kinds)))
    return markdown_table(head, rows)


def other_figures(full: Sequence[Measurement]) -> str:
    """Localisation, false rejects, sessions, pseudo-labels, time and memory, as far as the data set can tell."""
    figures: tuple[tuple[str, Figure, str, Callable[[Sequence[float]], float]], ...] = (
        ("sPRO up to FPR 0.05, percent", lambda run: _spro(run, "0.05"), ".1f", min),
        ("sPRO up to FPR 0.3, percent", lambda run: _spro(run, "0.3"), ".1f", min),
        ("good test images rejected, fraction", lambda run: run.false_reject_rate, ".3f", max),
        ("good validation images rejected, fraction", lambda run: run.validation_false_reject_rate, ".3f", max),
        (
            "good test against good validation, AUROC (50 = taken alike)",
            lambda run: run.validation_vs_test_good_auroc,
            ".1f",
            _farthest_from_50,
        ),
        ("background only, image AUROC, percent", lambda run: run.background_only_auroc, ".1f", max),
        ("pseudo-labels, mean IoU", lambda run: run.pseudo_label_iou, ".3f", min),
        ("training, minutes", lambda run: _minutes(run.training_seconds), ".1f", max),
        ("training, peak memory in GB", lambda run: _gigabytes(run.peak_megabytes), ".2f", max),
    )
    rows = []
    for title, figure, style, worst in figures:
        values = _values(full, figure)
        if values:
            rows.append((title, format(fmean(values), style), format(worst(values), style)))
    return markdown_table(("", "mean", "worst"), rows)


def _cells(runs: Sequence[Measurement], branch: str, kinds: Sequence[str]) -> Iterator[str]:
    for kind in kinds:
        found = [run.auroc.get(branch, {}).get(kind) for run in runs]
        values = [value for value in found if value is not None]
        yield f"{fmean(values):.1f}" if values else ABSENT
        yield f"{min(values):.1f}" if values else ABSENT


def _values(runs: Sequence[Measurement], figure: Figure) -> list[float]:
    return [value for value in map(figure, runs) if value is not None]


def _spro(run: Measurement, limit: str) -> float | None:
    return run.spro.get(limit) if run.spro else None


def _minutes(seconds: float | None) -> float | None:
    return None if seconds is None else seconds / 60


def _gigabytes(megabytes: float | None) -> float | None:
    return None if megabytes is None else megabytes / 1024


def _farthest_from_50(values: Sequence[float]) -> float:
    return max(values, key=lambda value: abs(value - 50))


def _origin(runs: Sequence[Measurement], command: str) -> Iterator[str]:
    seeds = sorted({run.seed for run in runs})
    dates = sorted(run.date for run in runs)
    yield f"- date: {dates[0]}" + (f" to {dates[-1]}" if dates[-1] != dates[0] else "") + " UTC"
    yield f"- machine: {'; '.join(sorted({run.machine for run in runs}))}"
    yield f"- seeds: {', '.join(map(str, seeds))}"
    yield f"- code: {'; '.join(sorted({run.code for run in runs}))}"
    yield f"- command: `{command}`"
