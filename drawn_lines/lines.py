"""The lines by name."""

from collections.abc import Mapping
from pathlib import Path

from drawn_lines import bag, bench, blister, connectors, label, meal, pins
from drawn_lines.drawing import DrawnLine

ROOT = Path(__file__).resolve().parents[1]
DRAWN = ROOT / "measurements" / "drawn"
"""Where the lines are drawn."""

LINES: Mapping[str, DrawnLine] = {
    "pins": pins.LINE,
    "meal": meal.LINE,
    "connectors": connectors.LINE,
    "bag": bag.LINE,
    "label": label.LINE,
    "bench": bench.LINE,
    "blister": blister.LINE,
}
