"""Old names in product lines: accepted for one release, with one line in the log for each.

    rename({"lgst": {"memory_size": 800}}, "line.yaml")  # {"lgst": {"coreset_size": 800}}, and what was renamed

A line that was written before the settings took the field's terms means the same as ever.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from csad.common.errors import LineError

KEYS: Mapping[str, Mapping[str, str]] = {
    "histogram": {"words": "codebook_size"},
    "lgst": {"memory_size": "coreset_size"},
    "tags": {"words": "prompts"},
}
"""By section: the old name of a key, and its name now."""

VALUES: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "fusion": {"weighting": {"evidence": "synthetic_auroc"}},
    "lgst": {"global_student": {"linear": "pca"}, "local_student": {"memory": "memory_bank"}},
}
"""By section and key: the old name of a value, and its name now."""


@dataclass(frozen=True)
class Renamed:
    """One old name that a line holds.

    Attributes:
        old: What it holds, such as "lgst.memory_size" or "lgst.global_student: linear".
        new: What to write instead.
    """

    old: str
    new: str


def rename(values: Mapping[str, object], source: str) -> tuple[dict[str, object], tuple[Renamed, ...]]:
    """Give old keys and values of a line their names of today.

    Args:
        values: The line as its file holds it; other values than mappings stay for the line itself to refuse.
        source: What the text is called in error messages, usually its file.

    Returns:
        The same line in today's names, and each old name that it held, in the order of the sections.

    Raises:
        LineError: A key is there under both of its names.
    """
    renewed = dict(values)
    found: list[Renamed] = []
    for section, own in values.items():
        if not isinstance(own, Mapping):
            continue
        keys, choices = KEYS.get(section, {}), VALUES.get(section, {})
        if both := [f"{section}.{old} and {section}.{new}" for old, new in keys.items() if old in own and new in own]:
            raise LineError(f"{source}: found {', '.join(both)}, two names of one setting; keep the second")
        inside: dict[str, Any] = {}
        for key, value in own.items():
            name = keys.get(key, key)
            if name != key:
                found.append(Renamed(f"{section}.{key}", f"{section}.{name}"))
            known = choices.get(name, {})
            chosen = known.get(value, value) if isinstance(value, str) else value
            if chosen != value:
                found.append(Renamed(f"{section}.{name}: {value}", f"{section}.{name}: {chosen}"))
            inside[name] = chosen
        renewed[section] = inside
    return renewed, tuple(found)


def deprecation(found: Sequence[Renamed], source: str) -> str:
    """One line for the log that names every old name of a line and the new one."""
    pairs = ", ".join(f"{one.old} is now {one.new}" for one in found)
    return f"{source} uses names that the next release refuses: {pairs}; change them, what they mean is the same"


def new_key(dotted: str) -> str:
    """Today's name of a key such as "histogram.words"."""
    section, _, key = dotted.partition(".")
    return f"{section}.{KEYS.get(section, {}).get(key, key)}"
