"""The stages in their order, and whose output each reads: written here alone.

`csad.stages.order` has the stages themselves. Training on this machine walks through it, the pipeline is compiled in
this order, and folders of stages are known by these names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

DATA = "data"
"""Stands for the user's images, which no stage writes."""


@dataclass(frozen=True)
class Step:
    """A stage's place.

    Attributes:
        name: Name of the stage.
        inputs: By the name of each input the stage that writes it, or `DATA`.
    """

    name: str
    inputs: Mapping[str, str]


ORDER = (
    Step("ingest", {"data": DATA}),
    Step("tagging", {"images": "ingest"}),
    Step("masks", {"images": "ingest", "tags": "tagging"}),
    Step("clustering", {"images": "ingest", "masks": "masks"}),
    Step("segnet", {"images": "ingest", "pseudo_labels": "clustering"}),
    Step("lgst", {"images": "ingest"}),
    Step(
        "statistics",
        {"images": "ingest", "pseudo_labels": "clustering", "segnet": "segnet", "lgst": "lgst"},
    ),
    Step("evaluation", {"images": "ingest", "pseudo_labels": "clustering", "model": "statistics"}),
)

NAMES = tuple(step.name for step in ORDER)


def after(name: str) -> tuple[str, ...]:
    """Names of the stages behind one."""
    return NAMES[NAMES.index(name) + 1 :]
