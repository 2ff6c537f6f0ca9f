"""A product line reduced to what a stage reads: the text that the stage's cached result depends on."""

from typing import Any

from csad.config.compact_line import compact_yaml
from csad.config.line import ProductLine
from csad.runner.needed_weights import with_needed_pins
from csad.runner.stage import Stage

NOT_TRAINED = frozenset({"deployment", "gate", "schedule"})
"""Sections that change no score."""


def reduced_line(line: ProductLine, *stages: Stage[Any]) -> str:
    """Write the sections that some stages read, and the digests of their weights; other settings give the same text.

    Args:
        line: Product line.
        stages: Those that read the text.
    """
    line = with_needed_pins(line, *(stage.name for stage in stages))
    if not all(stage.sections for stage in stages):
        return compact_yaml(line, NOT_TRAINED)
    read = {"name", "pinned_weights"}.union(*(stage.sections for stage in stages))
    return compact_yaml(line, type(line).model_fields.keys() - read)
