"""The whole comparison: every run that the chosen tables need, then the tables."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from csad.common import atomic
from csad.common.errors import CsadError, LineError
from csad.common.tables import markdown_table
from csad.config.line import ProductLine
from csad.config.presets import Method
from csad.reproduction.data_sets import Category, DataSet
from csad.reproduction.latency import RUNS
from csad.reproduction.lines import VARIANTS, Changes, Variant, distinct_variants, line_of
from csad.reproduction.runs import Run, measure
from csad.reproduction.tables import Runs, Table, build_table

TABLES = "tables.md"
NOT_SELECTED = "Selected on the test set: no (published: yes)."

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What to measure.

    Attributes:
        data: Data set.
        tables: Tables of the paper, 1 to 7.
        preset: "paper" or "default".
        seeds: One training each.
        output: Folder of runs and tables; the same folder resumes where an interrupted call was.
        settings: Own settings, by dotted key.
        timing_runs: Timed calls per model; 0 measures no latency.
    """

    data: DataSet
    tables: tuple[int, ...]
    preset: Method
    seeds: tuple[int, ...]
    output: Path
    settings: Changes
    timing_runs: int = RUNS


@dataclass(frozen=True)
class Result:
    """What came of a plan.

    Attributes:
        tables: One per number.
        notes: How it was measured, and what is missing.
        failures: Runs that did not end: a sentence each.
    """

    tables: tuple[Table, ...]
    notes: tuple[str, ...]
    failures: tuple[str, ...]


def run(plan: Plan) -> Result:
    """Train and evaluate all that the tables need; what fails is said and the rest continues.

    Raises:
        LineError: A setting is unknown or its value wrong.
        CsadError: Not one run ended; the message has all reasons.
    """
    variants = tuple(dict.fromkeys(variant for table in plan.tables for variant in VARIANTS[table]))
    lines = {category: _lines(plan, category, variants) for category in plan.data.categories}
    stands_for = {category: distinct_variants(own) for category, own in lines.items()}
    jobs = [
        (category, variant, seed)
        for category in plan.data.categories
        for variant in dict.fromkeys(stands_for[category].values())
        for seed in plan.seeds
    ]
    done: dict[tuple[Category, Variant], list[Run]] = {}
    failures = []
    for position, (category, variant, seed) in enumerate(jobs, start=1):
        _log.info("[%d/%d] %s, %s, seed %d", position, len(jobs), category.name, variant.name, seed)
        try:
            ended = measure(lines[category][variant], category, variant, seed, plan.output, plan.timing_runs)
            done.setdefault((category, variant), []).append(ended)
        except LineError:
            raise
        except CsadError as error:
            failures.append(f"{category.name}, {variant.name}, seed {seed}: {error}")
            _log.warning("not measured: %s", failures[-1])
    if not done:
        raise CsadError("no run ended:\n" + "\n".join(dict.fromkeys(failures)))
    by_variant: dict[str, dict[str, Sequence[Run]]] = {}
    for variant in variants:
        for category in plan.data.categories:
            found = done.get((category, stands_for[category][variant]))
            if found:
                by_variant.setdefault(variant.name, {})[category.name] = found
    measured = Runs(by_variant, comparable=plan.data.kind == "loco" and plan.data.complete and not failures)
    tables = tuple(build_table(number, measured) for number in plan.tables)
    result = Result(tables, tuple(_notes(plan, lines)), tuple(failures))
    atomic.write_text(plan.output / TABLES, to_markdown(result))
    return result


def _lines(plan: Plan, category: Category, variants: Sequence[Variant]) -> dict[Variant, ProductLine]:
    return {variant: line_of(plan.data.kind, category, plan.preset, variant, plan.settings) for variant in variants}


def _notes(plan: Plan, lines: Mapping[Category, Mapping[Variant, ProductLine]]) -> list[str]:
    seeds = ", ".join(map(str, plan.seeds))
    one = next(iter(next(iter(lines.values())).values()))
    notes = [
        NOT_SELECTED,
        f"Preset {plan.preset}, {one.backbone.name}; seeds {seeds}. Brackets: 95 % interval of the test images.",
        "A dash: not measured, or no published figure is known to us.",
    ]
    if plan.settings:
        changed = ", ".join(f"{key}={value}" for key, value in plan.settings.items())
        notes.append(f"NOT the preset as it is: {changed}.")
    if plan.data.missing:
        count = len(plan.data.categories)
        notes.append(
            f"Means are of {count} of {count + len(plan.data.missing)} categories and stand beside no published mean; "
            f"missing: {'; '.join(plan.data.missing)}."
        )
    return notes


def to_markdown(result: Result) -> str:
    """Tables, notes and failures for people."""
    parts = []
    for table in result.tables:
        lines = [
            f"## {table.title}",
            "",
            markdown_table(table.head, table.rows),
            *(f"\n{note}" for note in table.notes),
        ]
        parts.append("\n".join(lines))
    parts.append("\n".join(f"- {note}" for note in result.notes))
    if result.failures:
        parts.append("Not measured:\n\n" + "\n".join(f"- {failure}" for failure in result.failures))
    return "\n\n".join(parts) + "\n"
