"""The weights of a run: `ingest` settles which they are, so that every later task reads the same files."""

from __future__ import annotations

import logging

from csad.config.line import ProductLine
from csad.runner.needed_weights import all_needed_weights, warn_of_idle_pins, weights_by_path
from csad.store.objects import ObjectStore
from csad.weights.mirror import StoreMirror
from csad.weights.resolve import resolve_digests

_log = logging.getLogger(__name__)


def pin_weights(store: ObjectStore, line: ProductLine) -> ProductLine:
    """Resolve the names of the weights that a line reads to digests.

    Args:
        store: Its mirror is asked where the line reads any.
        line: Product line.

    Returns:
        The line with a pin for each of them, and none besides.

    Raises:
        WeightsError: The mirror lacks some, or has others than the line pins.
        StoreError: The store does not answer.
    """
    names = all_needed_weights(line)
    warn_of_idle_pins(line)
    _warn_of_paths(line)
    digests = resolve_digests(names, line.pinned_weights, StoreMirror(store))
    if digests:
        listed = ", ".join(f"{name} {digest[:12]}" for name, digest in digests.items())
        _log.info("ingest: weights of this run: %s", listed)
    return line.model_copy(update={"pinned_weights": digests})


def _warn_of_paths(line: ProductLine) -> None:
    """Say once which weights the cache of a pipeline cannot see."""
    paths = weights_by_path(line)
    if paths:
        _log.warning(
            "%s weights by a path (%s): pods must mount it, and a cached result does not notice another file there; "
            "`csad weights push` puts a file into the store for weights://NAME",
            "1 setting names" if len(paths) == 1 else f"{len(paths)} settings name",
            ", ".join(paths),
        )
