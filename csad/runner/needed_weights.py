"""Which weights a task reads from the weights folder, by the line alone; nothing large is imported.

A pipeline is compiled by it, `ingest` resolves the names to digests, and pods fetch what it names. No stage imports it:
it reaches the code of all proposers, which then would count to every stage's key.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

from csad.common.errors import WeightsError
from csad.common.humanize import plural
from csad.config.line import ProductLine
from csad.config.weights_address import ADDRESS, FOLDER_VARIABLE, name_of
from csad.foundation.published_names import SUFFIXES, tagger_weights
from csad.proposals.proposers import asks_tagger, proposer_of
from csad.runner.stage_order import NAMES
from csad.weights.catalogue import file_of
from csad.weights.digests import FILE, read_digests

_log = logging.getLogger(__name__)

READ_BACKBONE = frozenset({"clustering", "segnet", "lgst", "statistics"})
"""Stages that load the backbone; a model carries its own, so `evaluation` does not."""


def needed_weights(stage: str, line: ProductLine) -> tuple[str, ...]:
    """Names of the weights that a stage reads from the weights folder, and those that it may read.

    Args:
        stage: Name of a stage.
        line: Product line.
    """
    if stage == "tagging":
        return tagger_weights(line) if asks_tagger(line) else ()
    if stage == "masks":
        return tuple(proposer_of(line).published(line))
    backbone = name_of(line.backbone.weights)
    return (backbone,) if backbone and stage in READ_BACKBONE else ()


def all_needed_weights(line: ProductLine) -> tuple[str, ...]:
    """Names of the weights that any stage of a line reads from the weights folder, each once."""
    return tuple(dict.fromkeys(name for stage in NAMES for name in needed_weights(stage, line)))


def with_needed_pins(line: ProductLine, *stages: str) -> ProductLine:
    """The line with the pins of what some stages read, and no others."""
    names = {name for stage in stages for name in needed_weights(stage, line)}
    kept = {name: digest for name, digest in line.pinned_weights.items() if name in names}
    return line.model_copy(update={"pinned_weights": kept})


def warn_of_idle_pins(line: ProductLine) -> None:
    """Say once which pins have no effect, such as those of a misspelt name."""
    needed = all_needed_weights(line)
    idle = sorted(name for name in line.pinned_weights if name not in needed)
    if idle:
        _log.warning("pinned_weights: %s that this line does not read: %s", plural(len(idle), "name"), ", ".join(idle))


def weights_by_path(line: ProductLine) -> tuple[str, ...]:
    """Settings that name weights by a path: pods must mount it, and a pipeline's cache does not notice their change."""
    named = {
        "backbone.weights": line.backbone.weights if line.backbone.weights != "embedded" else None,
        "tags.weights": line.tags.weights if asks_tagger(line) else None,
        "pseudo_labels.foundation.weights": (
            line.pseudo_labels.foundation.weights if proposer_of(line).foundation_models else None
        ),
    }
    return tuple(f"{key}: {value}" for key, value in named.items() if value and not value.startswith(ADDRESS))


def require_pinned(stage: str, line: ProductLine, digest: Callable[[Path], str]) -> None:
    """Refuse weights that are not those that the line pins or that the weights folder saw first.

    Args:
        stage: Name of a stage.
        line: Product line.
        digest: SHA-256 of a file.

    Raises:
        WeightsError: A file is another one; the message names both digests.
    """
    names = needed_weights(stage, line)
    named = os.environ.get(FOLDER_VARIABLE)
    if not names or not named:
        return
    folder = Path(named)
    seen = read_digests(folder)
    for name in names:
        wanted, by = line.pinned_weights.get(name), "pinned_weights of the line"
        if wanted is None and name in seen:
            wanted, by = seen[name].stored, str(folder / FILE)
        file = folder / file_of(name)
        # As it was published, where nobody converted it; what is missing is said by whoever loads it.
        found = next((path for path in (file, *map(file.with_suffix, SUFFIXES)) if path.is_file()), None)
        if wanted is not None and found is not None and digest(found) != wanted:
            raise WeightsError(
                f"weights file {found} is not the expected one: its sha256 is {digest(found)}, {by} says {wanted}; "
                "it was changed, truncated or swapped, or the line means another one"
            )
