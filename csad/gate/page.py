"""The gate's decision as one HTML page that needs nothing else: no network, no script, no other file."""

from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from string import Template

from csad.config.settings import GateSettings
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


def render(decision: GateDecision) -> str:
    """Return the page as text."""
    template = Template(files("csad.gate").joinpath("gate.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=escape(f"{decision.line}: gate"),
        line=escape(decision.line),
        subtitle=escape(f"Judged on {decision.judged_on}; data {decision.data[:12]}"),
        verdict=_verdict(decision),
        notices=_notices(decision.notices),
        sections="".join(_sections(decision)),
        models=_models(decision),
        settings=_settings(decision.settings),
    )


def _verdict(decision: GateDecision) -> str:
    if decision.accepted:
        return f'<div class="verdict accepted"><b>Accepted</b><p>{escape(_sentence(decision.reason))}</p></div>'
    reasons = "".join(f"<li>{escape(_sentence(check.reason))}</li>" for check in decision.refusals)
    return f'<div class="verdict refused"><b>Refused</b><ul>{reasons}</ul></div>'


def _notices(notices: Sequence[str]) -> str:
    if not notices:
        return ""
    return f'<div class="notice">{"".join(f"<p>{escape(_sentence(notice))}</p>" for notice in notices)}</div>'


def _sections(decision: GateDecision) -> Iterator[str]:
    for rule, (title, explanation) in TITLES.items():
        checks = [check for check in decision.checks if check.rule == rule]
        if checks:
            text = Template(explanation).substitute(maximum_loss=f"{decision.settings.maximum_loss:g}")
            yield f'<h2>{escape(title)}</h2><p class="soft">{escape(text)}</p>'
            yield f'<div class="scroll">{_table(checks)}</div>'


def _table(checks: Sequence[Check]) -> str:
    rule = checks[0].rule
    head = ["", "images", "new model"]
    if checks[0].champion is not None:
        head += ["champion", "difference" if rule in DIFFERENCES else "ratio"]
    head += ["limit", "interval", ""] if rule not in TIMES else ["limit", ""]
    rows = "".join(f"<tr>{''.join(_cells(check))}</tr>" for check in checks)
    heads = "".join(f'<th class="plot">{name}</th>' if name == "interval" else f"<th>{name}</th>" for name in head)
    return f"<table><tr>{heads}</tr>{rows}</table>"


def _cells(check: Check) -> Iterator[str]:
    good, anomalous = check.images
    yield f"<td>{escape(_humanize(check.subject))}</td>"
    yield f"<td>{f'{good} + {anomalous}' if anomalous else good}</td>"
    yield f"<td>{_figure(check, check.challenger)}</td>"
    if check.challenger is not None and check.champion is not None:
        yield f"<td>{_figure(check, check.champion)}</td>"
        if check.rule in DIFFERENCES:
            yield f"<td>{check.challenger - check.champion:+.3f}</td>"
        else:
            yield f"<td>{check.challenger / check.champion:.2f}</td>"
    yield f"<td>{'' if check.limit is None else f'{check.limit:g}'}</td>"
    if check.rule not in TIMES:
        yield f"<td>{_plot(check)}</td>"
    css, word = ("pass", "passed") if check.passed else ("fail", "failed")
    yield f'<td class="{css}">{word}</td>'


def _figure(check: Check, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.1f} ms" if check.rule in TIMES else f"{value:.3f}"


def _plot(check: Check) -> str:
    """The interval on an axis of 0..1, or of -0.3..0.3 for differences, with the limit as a dashed line."""
    if check.interval is None or check.challenger is None:
        return ""
    differs = check.rule in DIFFERENCES
    low, high = (-0.3, 0.3) if differs else (0.0, 1.0)
    value = check.challenger - (check.champion or 0.0) if differs else check.challenger

    def place(figure: float) -> str:
        fraction = (min(max(figure, low), high) - low) / (high - low)
        return f"{MARGIN + fraction * (WIDTH - 2 * MARGIN):.1f}"

    def upright(css: str, figure: float) -> str:
        return f'<line class="{css}" x1="{place(figure)}" x2="{place(figure)}" y1="1" y2="{HEIGHT - 1}"/>'

    left, right = (place(end) for end in check.interval)
    middle = HEIGHT / 2
    words = f"{value:.3f}, interval {check.interval[0]:.3f} to {check.interval[1]:.3f}"
    zero = upright("zero", 0.0) if differs else ""
    limit = "" if check.limit is None else upright("limit", check.limit)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{words}"><title>{words}</title>{zero}{limit}'
        f'<g class="{"pass" if check.passed else "fail"}">'
        f'<line class="interval" x1="{left}" x2="{right}" y1="{middle}" y2="{middle}"/>'
        f'<circle cx="{place(value)}" cy="{middle}" r="4"/></g></svg>'
    )


def _models(decision: GateDecision) -> str:
    columns = {"new model": decision.challenger}
    if decision.champion is not None:
        columns["champion"] = decision.champion
    head = "".join(f"<th>{name}</th>" for name in columns)
    facts = [_facts(model) for model in columns.values()]
    rows = "".join(
        f"<tr><td>{name}</td>{''.join(f'<td>{escape(column[name])}</td>' for column in facts)}</tr>"
        for name in facts[0]
    )
    return f'<table class="facts"><tr><th></th>{head}</tr>{rows}</table>'


def _facts(model: Judged) -> dict[str, str]:
    return {
        "version": model.version or "not registered",
        "trained": model.created,
        "seed": str(model.seed),
        "median of one image": f"{model.milliseconds:.1f} ms",
        "training data": model.snapshot,
        "checksum": model.checksum,
    }


def _settings(settings: GateSettings) -> str:
    rows = "".join(
        f"<tr><td>{name}</td><td>{'none' if value is None else f'{value:g}'}</td>"
        f"<td>{escape(GateSettings.model_fields[name].description or '')}</td></tr>"
        for name, value in settings
    )
    return f'<table class="facts">{rows}</table>'


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _humanize(kind: str) -> str:
    return kind.replace("_", " ")
