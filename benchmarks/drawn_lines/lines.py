"""The lines by name."""

from collections.abc import Mapping

from benchmarks.drawn_lines import bag, bench, blister, connectors, label, meal, pins
from benchmarks.drawn_lines.drawing import DrawnLine

LINES: Mapping[str, DrawnLine] = {
    "pins": pins.LINE,
    "meal": meal.LINE,
    "connectors": connectors.LINE,
    "bag": bag.LINE,
    "label": label.LINE,
    "bench": bench.LINE,
    "blister": blister.LINE,
}
