"""The product lines and the settings that the tables compare."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from csad.common.errors import LineError
from csad.config import line_yaml
from csad.config.aliases import new_key
from csad.config.line import ProductLine
from csad.config.presets import Method
from csad.reproduction.data_sets import Category

LINES = Path(__file__).with_name("loco")
"""A file per category of MVTec LOCO AD with the paper's mode, tags, thresholds and filters."""

Changes = Mapping[str, Any]


@dataclass(frozen=True)
class Variant:
    """Settings that a table compares with the base.

    Attributes:
        name: For files and progress.
        changes: By dotted key.
    """

    name: str
    changes: Changes = field(default_factory=dict, hash=False)


BASE = Variant("base")
NO_ANOMALIES = Variant("no_anomalies", {"segmentation.lsa": False})
CUTPASTE = Variant("cutpaste", {"segmentation.lsa": True, "segmentation.lsa_kind": "cutpaste"})
LSA = Variant("lsa", {"segmentation.lsa": True, "segmentation.lsa_kind": "components"})
PATCH_SIZES = {
    "256": Variant("patches_256", {"histogram.grids": [1]}),
    "256+128": Variant("patches_256_128", {"histogram.grids": [1, 2]}),
    "256+85": Variant("patches_256_85", {"histogram.grids": [1, 3]}),
    "256+64": Variant("patches_256_64", {"histogram.grids": [1, 4]}),
    "256+128+64": Variant("patches_256_128_64", {"histogram.grids": [1, 2, 4]}),
}
"""By the patch sizes of a 256 x 256 input: 256 is a grid of one cell, 128 of 2 x 2, 85 of 3 x 3, 64 of 4 x 4."""
HEADS = {
    "same channel": Variant("same_channel", {"lgst.pdn_heads": "same"}),
    "double channel": Variant("double_channel", {"lgst.pdn_heads": "double"}),
    "two heads": Variant("two_heads", {"lgst.pdn_heads": "heads"}),
}
LGST_MAP = Variant("lgst_map", {"fusion.maps": "lgst"})

VARIANTS: Mapping[int, Sequence[Variant]] = {
    1: (BASE,),
    2: (BASE,),
    3: (NO_ANOMALIES, CUTPASTE, LSA),
    4: tuple(PATCH_SIZES.values()),
    5: tuple(HEADS.values()),
    6: (BASE, LGST_MAP),
    7: (BASE,),
}
"""What each table of the paper compares."""


def line_of(kind: str, category: Category, preset: Method, variant: Variant, own: Changes) -> ProductLine:
    """The product line of one run.

    Args:
        kind: Data set; "loco" has a line file per category, which only the paper's preset reads.
        category: What is trained on.
        preset: "paper" or "default".
        variant: What a table compares.
        own: Settings of the person who runs it, by dotted key; the variant goes before them.

    Raises:
        LineError: An unknown setting, or a value that it does not take.
    """
    published = LINES / f"{category.name}.yaml"
    values: dict[str, Any] = {"name": category.name, "method": preset}
    if kind == "loco" and preset == "paper" and published.is_file():
        values = line_yaml.parse(published.read_text(encoding="utf-8"), str(published))
    for dotted, value in {**own, **variant.changes}.items():
        values = _with(values, dotted.split("."), value)
    return ProductLine.from_yaml(yaml.safe_dump(values), source=f"the line of {category.name}, {variant.name}")


def distinct_variants(lines: Mapping[Variant, ProductLine]) -> dict[Variant, Variant]:
    """The variant whose run stands for each: of two with the same settings the first one."""
    seen: dict[str, Variant] = {}
    return {variant: seen.setdefault(line.to_yaml(), variant) for variant, line in lines.items()}


def parse_setting(text: str) -> tuple[str, Any]:
    """Read "section.key=value" with a value in YAML; an old name of a key counts as its new one.

    Raises:
        LineError: It has another form.
    """
    key, equals, value = text.partition("=")
    if not equals or "." not in key:
        raise LineError(f"--set {text}: expected section.key=value, such as lgst.steps=2000")
    try:
        return new_key(key.strip()), yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise LineError(f"--set {text}: the value is no YAML ({' '.join(str(error).split())})") from None


def _with(values: dict[str, Any], path: Sequence[str], value: object) -> dict[str, Any]:
    changed = copy.copy(values)
    if len(path) == 1:
        changed[path[0]] = value
        return changed
    below = changed.get(path[0])
    changed[path[0]] = _with(below if isinstance(below, dict) else {}, path[1:], value)
    return changed
