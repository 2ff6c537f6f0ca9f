"""The graph of the compiled pipelines as a picture; `python -m docs_site.pipeline_graph FILE` writes it."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
COMPILED = ROOT / "pipelines" / "compiled"
BOX = (112, 46)
STEP = (140, 84)
MARGIN = 12
FILLS = {"cached": "#e3edf9", "each time": "#fdf0dc", "own run": "#e6f4ea"}
STROKES = {"cached": "#2f6db3", "each time": "#b3761f", "own run": "#2e7d46"}


@dataclass(frozen=True)
class Task:
    """One box.

    Attributes:
        name: Name of the task.
        after: Tasks whose results it waits for.
        kind: A key of FILLS.
        gpu: It asks for an accelerator.
    """

    name: str
    after: frozenset[str]
    kind: str
    gpu: bool


def read_tasks(folder: Path = COMPILED) -> list[Task]:
    """The tasks of a training run, and of the promotion run that it starts, from the compiled pipelines of a folder."""
    specification = _specification(folder / "training.yaml")
    found = _tasks(specification["root"], specification, frozenset(), _kind)
    promoted = _specification(folder / "promotion.yaml")
    return found + _tasks(promoted["root"], promoted, frozenset({"promote"}), lambda _: "own run")


def edges(tasks: list[Task]) -> set[tuple[str, str]]:
    """Pairs (before, after), without those that a longer way says already."""
    after = {task.name: task.after for task in tasks}

    def reaches(name: str, goal: str) -> bool:
        return any(one == goal or reaches(one, goal) for one in after[name])

    return {
        (before, name)
        for name, befores in after.items()
        for before in befores
        if not any(reaches(other, before) for other in befores - {before})
    }


def draw(tasks: list[Task]) -> str:
    """Draw the tasks from left to right."""
    places = _places(tasks)
    width = max(column for column, _ in places.values()) * STEP[0] + BOX[0] + 2 * MARGIN
    height = max(row for _, row in places.values()) * STEP[1] + BOX[1] + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height + 34}" role="img" '
        'font-family="system-ui, Segoe UI, Roboto, sans-serif" font-size="16">',
        "<title>The tasks of a training run and of the promotion run that it starts</title>",
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#66717f"/></marker></defs>',
        f'<rect width="{width}" height="{height + 34}" rx="8" fill="#ffffff"/>',
    ]
    kinds = {task.name: task.kind for task in tasks}
    for before, after in sorted(edges(tasks)):
        dashed = ' stroke-dasharray="5 4"' if kinds[after] == "own run" else ""
        parts.append(_arrow(places[before], places[after], dashed))
    parts += [_box(task, *places[task.name]) for task in tasks]
    parts += [_legend(index, kind, height) for index, kind in enumerate(FILLS)]
    parts.append(
        f'<text x="{MARGIN + 3 * 190}" y="{height + 21}" fill="#66717f" font-size="14">'
        "GPU: on a GPU node, unless compiled with --cpu-only</text>"
    )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _specification(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = next(yaml.load_all(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))
    return found


def _kind(cached: bool) -> str:
    return "cached" if cached else "each time"


def _tasks(
    group: Mapping[str, Any], specification: Mapping[str, Any], outside: frozenset[str], kind: Callable[[bool], str]
) -> list[Task]:
    """Tasks of a group; those of a group within wait for what the group waits for."""
    components, executors = specification["components"], specification["deploymentSpec"]["executors"]
    found = []
    for name, task in group["dag"]["tasks"].items():
        after = frozenset(task.get("dependentTasks", ())) or outside
        component = components[task["componentRef"]["name"]]
        if "dag" in component:
            found += _tasks(component, specification, after, kind)
            continue
        container = executors[component["executorLabel"]].get("container", {})
        cached = bool(task.get("cachingOptions", {}).get("enableCache"))
        found.append(Task(name, after, kind(cached), "accelerator" in container.get("resources", {})))
    return found


def _places(tasks: list[Task]) -> dict[str, tuple[int, int]]:
    """Column and row of each task: a column to the right of all that it waits for, the longest way in row 0."""
    after = {task.name: task.after for task in tasks}
    columns: dict[str, int] = {}

    def column(name: str) -> int:
        if name not in columns:
            columns[name] = 1 + max((column(one) for one in after[name]), default=-1)
        return columns[name]

    last = max(after, key=column)
    longest = [last]
    while after[longest[-1]]:
        longest.append(max(after[longest[-1]], key=lambda name: columns[name]))
    places, taken = {}, dict.fromkeys(range(len(longest)), 0)
    for name in after:
        if name in longest:
            places[name] = (columns[name], 0)
        else:
            taken[columns[name]] += 1
            places[name] = (columns[name], taken[columns[name]])
    return places


def _corner(place: tuple[int, int]) -> tuple[int, int]:
    return MARGIN + place[0] * STEP[0], MARGIN + place[1] * STEP[1]


def _arrow(start: tuple[int, int], end: tuple[int, int], dashed: str) -> str:
    (x, y), (goal_x, goal_y) = _corner(start), _corner(end)
    x, y, goal_y = x + BOX[0], y + BOX[1] // 2, goal_y + BOX[1] // 2
    # Along its own row until the last gap, so that a long way passes below the boxes of row 0.
    turn = goal_x - (STEP[0] - BOX[0]) if start[1] else x
    path = f"M{x} {y}L{turn} {y}C{turn + 18} {y} {goal_x - 18} {goal_y} {goal_x - 2} {goal_y}"
    return f'<path d="{path}" fill="none" stroke="#66717f" stroke-width="1.6" marker-end="url(#arrow)"{dashed}/>'


def _box(task: Task, column: int, row: int) -> str:
    x, y = _corner((column, row))
    middle = f'x="{x + BOX[0] / 2:g}" text-anchor="middle"'
    name = f'<text {middle} y="{y + (21 if task.gpu else 28)}" fill="#1c2530">{escape(task.name)}</text>'
    gpu = f'<text {middle} y="{y + 38}" fill="#66717f" font-size="12">GPU</text>' if task.gpu else ""
    return (
        f'<rect x="{x}" y="{y}" width="{BOX[0]}" height="{BOX[1]}" rx="7" fill="{FILLS[task.kind]}" '
        f'stroke="{STROKES[task.kind]}"/>{name}{gpu}'
    )


def _legend(index: int, kind: str, height: int) -> str:
    x, y = MARGIN + index * 190, height + 8
    words = {"cached": "kept and reused", "each time": "runs each time", "own run": "a run of its own"}[kind]
    return (
        f'<rect x="{x}" y="{y}" width="16" height="16" rx="4" fill="{FILLS[kind]}" stroke="{STROKES[kind]}"/>'
        f'<text x="{x + 24}" y="{y + 13}" fill="#66717f" font-size="14">{words}</text>'
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(draw(read_tasks()), encoding="utf-8")
