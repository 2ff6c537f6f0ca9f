"""Removes kept chunks of batches: those of a batch whose results stand, and old ones of batches that never finished.

All times are the store's own: a machine whose clock is wrong removes nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from csad.batch.parts import parts_prefix
from csad.batch.plan import ROOT
from csad.store.listed import Listed
from csad.store.objects import ObjectStore
from csad.store.prune import KEPT_DAYS, Pruned, age


def lines_with_chunks(store: ObjectStore) -> list[str]:
    """Return the lines that have kept chunks, sorted.

    Raises:
        StoreError: The store does not answer.
    """
    return sorted(line for line in store.list_folders(f"{ROOT}/") if store.holds(parts_prefix(line)))


def remove_chunks(store: ObjectStore, line: str, keys: Collection[str]) -> Pruned:
    """Remove chunks by their keys; those that are gone already are no error, so it may be done again.

    Raises:
        StoreError: The store refuses or does not answer.
    """
    found = list(store.list_sizes(parts_prefix(line)))
    wanted = {f"{parts_prefix(line)}{key}.parquet" for key in keys}
    return _remove(store, line, found, [one for one in found if one.key in wanted])


def prune_chunks(store: ObjectStore, line: str, days: int = KEPT_DAYS) -> Pruned:
    """Remove a line's chunks that are some days older than what its last batch wrote: of batches that never finished.

    Args:
        store: Where.
        line: Product line.
        days: 1 or more: a batch that is under way resumes behind its last chunk.

    Raises:
        StoreError: The store refuses or does not answer.
        ValueError: Too few days.
    """
    if days < 1:
        raise ValueError(f"days is {days}, expected 1 or more: a batch that is under way needs its chunks")
    found = list(store.list_sizes(f"{ROOT}/{line}/"))
    chunks = [one for one in found if one.key.startswith(parts_prefix(line))]
    if not chunks:
        return Pruned(line, 0, 0, 0)
    oldest = max(age(one) for one in found) - timedelta(days=days)
    return _remove(store, line, chunks, [one for one in chunks if age(one) < oldest])


def _remove(store: ObjectStore, line: str, found: list[Listed], removed: list[Listed]) -> Pruned:
    if removed:
        store.delete([one.key for one in removed])
    return Pruned(line, len(removed), sum(one.size for one in removed), len(found) - len(removed))
