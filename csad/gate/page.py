"""The gate's decision as one HTML page that needs nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from string import Template

from markupsafe import Markup

from csad.common.humanize import plain
from csad.common.pages import render_page
from csad.config.settings import GateSettings
from csad.evaluation.svg import Axis, dot, line, svg
from csad.gate.checks import Check, Rule
from csad.gate.decision import GateDecision, Judged

WIDTH, HEIGHT, MARGIN = 240, 18, 6
WIDENED = (
    " A few images vary less than many would, so their interval is widened: by 34 % for 6 images, by 8 % for 20; "
    "one image proves nothing."
)
TITLES = {
    Rule.FLOOR: (
        "Floor",
        "AUROC on each kind of anomaly: how probably it scores above a good image. 0.5 is chance. With the 95 % "
        "interval; the figure itself is held against the limit. Of kinds made from good images, the best one counts.",
    ),
    Rule.FALSE_REJECTS: (
        "Rejected good images",
        "Above the limit with the whole 95 % interval, the new model is refused.",
    ),
    Rule.REGRESSION: (
        "Against the champion: every kind of anomaly",
        "AUROC of both models on the same images, and their difference with its 90 % interval from a paired bootstrap. "
        "The new model is refused when the whole interval is below the limit, or when the difference is below minus "
        "$maximum_loss." + WIDENED,
    ),
    Rule.MORE_FALSE_REJECTS: (
        "Against the champion: rejected good images",
        "Fraction of good images that each model rejects. Refused when the whole interval is above the limit, or when "
        "the difference is above $maximum_loss." + WIDENED,
    ),
    Rule.DECISIONS: (
        "Against the champion: decisions",
        "Fraction of the anomalies that are rejected less fraction of the good images that are. Refused when the whole "
        "interval is below the limit." + WIDENED,
    ),
    Rule.LATENCY: ("Time for one image", "Median on the gate's machine, reading the file left out."),
    Rule.SLOWER: (
        "Against the champion: time for one image",
        "Medians on the same images, taken in turns on the gate's machine; the limit is a ratio.",
    ),
}
DIFFERENCES = frozenset({Rule.REGRESSION, Rule.MORE_FALSE_REJECTS, Rule.DECISIONS})
TIMES = frozenset({Rule.LATENCY, Rule.SLOWER})


@dataclass(frozen=True)
class Row:
    """A check: its cells, and "pass" or "fail"."""

    cells: list[str]
    outcome: str


@dataclass(frozen=True)
class Section:
    """The checks of one rule."""

    title: str
    explanation: str
    head: list[str]
    rows: list[Row]


def render(decision: GateDecision) -> str:
    """Return the page as text."""
    models = {"new model": _facts(decision.challenger)}
    if decision.champion is not None:
        models["champion"] = _facts(decision.champion)
    return render_page(
        "gate",
        "gate.html",
        line=decision.line,
        subtitle=f"Judged on {decision.judged_on}; data {decision.data[:12]}",
        decision=decision,
        sections=list(_sections(decision)),
        models=models,
        limits=[
            (name, "none" if value is None else f"{value:g}", GateSettings.model_fields[name].description or "")
            for name, value in decision.settings
        ],
    )


def _sections(decision: GateDecision) -> Iterator[Section]:
    for rule, (title, explanation) in TITLES.items():
        checks = [check for check in decision.checks if check.rule == rule]
        if checks:
            text = Template(explanation).substitute(maximum_loss=f"{decision.settings.maximum_loss:g}")
            rows = [Row(list(_cells(check)), "pass" if check.passed else "fail") for check in checks]
            yield Section(title, text, _head(checks[0]), rows)


def _head(check: Check) -> list[str]:
    head = ["", "images", "new model"]
    if check.champion is not None:
        head += ["champion", "difference" if check.rule in DIFFERENCES else "ratio"]
    return head + (["limit", "interval", ""] if check.rule not in TIMES else ["limit", ""])


def _cells(check: Check) -> Iterator[str]:
    good, anomalous = check.images
    yield plain(check.subject)
    yield f"{good} + {anomalous}" if anomalous else str(good)
    yield _figure(check, check.challenger)
    if check.challenger is not None and check.champion is not None:
        yield _figure(check, check.champion)
        if check.rule in DIFFERENCES:
            yield f"{check.challenger - check.champion:+.3f}"
        else:
            yield f"{check.challenger / check.champion:.2f}"
    yield "" if check.limit is None else f"{check.limit:g}"
    if check.rule not in TIMES:
        yield _plot(check)


def _figure(check: Check, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.1f} ms" if check.rule in TIMES else f"{value:.3f}"


def _plot(check: Check) -> Markup:
    """The interval on an axis of 0..1, or of -0.3..0.3 for differences, with the limit as a dashed line."""
    if check.interval is None or check.challenger is None:
        return Markup("")
    differs = check.rule in DIFFERENCES
    low, high = (-0.3, 0.3) if differs else (0.0, 1.0)
    value = check.challenger - (check.champion or 0.0) if differs else check.challenger
    axis = Axis(lambda figure: figure, low, high, MARGIN, WIDTH - MARGIN)
    css, middle = "pass" if check.passed else "fail", HEIGHT / 2
    words = f"{value:.3f}, interval {check.interval[0]:.3f} to {check.interval[1]:.3f}"
    uprights = ({"zero": 0.0} if differs else {}) | ({} if check.limit is None else {"limit": check.limit})
    parts = [
        f"<title>{escape(words)}</title>",
        *(line(axis(figure), 1, axis(figure), HEIGHT - 1, name) for name, figure in uprights.items()),
        line(axis(check.interval[0]), middle, axis(check.interval[1]), middle, f"interval {css}"),
        dot(axis(value), middle, 4, css),
    ]
    return svg(WIDTH, HEIGHT, words, parts)


def _facts(model: Judged) -> dict[str, str]:
    return {
        "version": model.version or "not registered",
        "trained": model.created,
        "seed": str(model.seed),
        "median of one image": f"{model.milliseconds:.1f} ms",
        "training data": model.snapshot,
        "checksum": model.checksum,
    }
