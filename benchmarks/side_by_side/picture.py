"""Detection against time, as in the paper's Figure 1: up is better, left is faster, a larger circle is more memory."""

import math
from collections.abc import Sequence

from benchmarks.side_by_side.results import Comparison, Row
from csad.evaluation.svg import Axis, dot, line, svg, text

WIDTH, HEIGHT = 860, 470
LEFT, RIGHT, TOP, FLOOR = 70, 800, 50, 300
ROW = 13
STYLE = (
    "<style>text{font:12px sans-serif;fill:#222}.small{font-size:10px;fill:#555}.rule{stroke:#ccc}"
    ".csad{fill:#00695c;fill-opacity:.75}.other{fill:#8d6e63;fill-opacity:.75}"
    ".bare{fill:none;stroke:#8d6e63;stroke-width:1.5}.title{font-weight:bold}</style>"
    f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
)
TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)


def picture(found: Comparison) -> str:
    """Draw a comparison as an SVG file of its own. Methods without trained weights stand below the axis."""
    times = [one.processor_milliseconds for one in found.rows]
    across = Axis(math.log, 0.7 * min(times), 1.4 * max(times), LEFT, RIGHT)
    measured = [one for one in found.rows if one.auroc is not None]
    areas = [(one.auroc or {})["mean"] for one in measured]
    lowest = 5 * math.floor((min(areas, default=100) - 2) / 5)
    up = Axis(float, lowest, 100, FLOOR, TOP)
    parts = [STYLE, text(LEFT, 24, "Detection against time", "title"), *_frame(across, up)]
    for one, label in zip(measured, _apart([up(area) + 4 for area in areas]), strict=True):
        x, y = across(one.processor_milliseconds), up((one.auroc or {})["mean"])
        css = "csad" if one.method == "csad" else "other"
        parts += [dot(x, y, radius(one), css), text(x + radius(one) + 4, label, one.name)]
    bare = sorted((one for one in found.rows if one.auroc is None), key=lambda one: one.processor_milliseconds)
    if bare:
        parts.append(text(LEFT, FLOOR + 46, "no trained weights: time and memory alone", "small"))
    for index, one in enumerate(bare):
        x, y = across(one.processor_milliseconds), FLOOR + 62 + index * ROW
        before = x > (LEFT + RIGHT) / 2
        parts += [
            dot(x, y, radius(one), "bare"),
            text(x + (-1 if before else 1) * (radius(one) + 4), y + 4, one.name, "small", "end" if before else "start"),
        ]
    drawn = str(svg(WIDTH, HEIGHT, "Detection against time of csad and other methods", parts))
    return drawn.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"


def radius(one: Row) -> float:
    """Pixels; the area grows as the peak memory with single images: 1 GiB has a radius of 8."""
    return 8 * math.sqrt(one.single_memory / 1024)


def _frame(across: Axis, up: Axis) -> list[str]:
    parts = [text(RIGHT, FLOOR + 32, "processor milliseconds for one image (log scale)", "small", "end")]
    for tick in across.ticks(TICKS):
        x = across(tick)
        parts += [line(x, TOP, x, FLOOR, "rule"), text(x, FLOOR + 16, f"{tick:,}", "small", "middle")]
    for tick in up.ticks(range(int(up.low), 101, 5)):
        parts += [
            line(LEFT, up(tick), RIGHT, up(tick), "rule"),
            text(LEFT - 6, up(tick) + 4, f"{tick:g}", "small", "end"),
        ]
    return [*parts, text(LEFT, TOP - 10, "image AUROC, mean of the kinds, percent", "small")]


def _apart(heights: Sequence[float]) -> list[float]:
    """Move labels down until none covers the one above it."""
    placed: dict[int, float] = {}
    last = -math.inf
    for index in sorted(range(len(heights)), key=lambda index: heights[index]):
        last = max(heights[index], last + ROW)
        placed[index] = last
    return [placed[index] for index in range(len(heights))]
