"""Removes packed image sets that no run has used for long: every new version of a line's data leaves one behind.

The record of a set is rewritten by each run that uses it, so the record's age says when that was. All times are the
store's own: a machine whose clock is wrong removes nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from csad.store.failures import NotFound
from csad.store.listed import Listed
from csad.store.objects import ObjectStore
from csad.store.packed_sets import ROOT, KnownSet, line_prefix, packed_keys, records_prefix
from csad.store.sealed import unseal

KEPT_DAYS = 30
"""Much longer than a run takes, and than a failed run waits for its retry."""


@dataclass(frozen=True)
class Pruned:
    """What was removed.

    Attributes:
        line: Product line.
        files: Files.
        bytes: Their size.
        kept: Files of the same kind that stay.
    """

    line: str
    files: int
    bytes: int
    kept: int


def lines_with_packed_sets(store: ObjectStore) -> list[str]:
    """Return the lines that have packed image sets, sorted.

    Raises:
        StoreError: The store does not answer.
    """
    return sorted(line for line in store.list_folders(f"{ROOT}/") if store.holds(f"{ROOT}/{line}/"))


def prune_packed_sets(store: ObjectStore, line: str, days: int = KEPT_DAYS) -> Pruned:
    """Remove a line's packed sets that no run has used for some days; what the last run used stays whatever its age.

    Packed files that no record names, such as those of a run that was killed while it stored them, go by their own age.

    Args:
        store: Where.
        line: Product line.
        days: Days without use, counted back from the last use of any set of the line; 1 or more: runs take hours.

    Raises:
        StoreError: A record is damaged, or the store does not answer.
        ValueError: Too few days.
    """
    if days < 1:
        raise ValueError(f"days is {days}, expected 1 or more: a run that is under way needs its images")
    found = list(store.list_sizes(line_prefix(line)))
    records = sorted((one for one in found if one.key.startswith(records_prefix(line))), key=age, reverse=True)
    if not records:
        return Pruned(line, 0, 0, len(found))
    oldest = age(records[0]) - timedelta(days=days)
    used = [one for one in records if age(one) >= oldest]
    needed = frozenset().union(*(_named_by(store, one) for one in used))
    packed = [one for one in found if not one.key.startswith(records_prefix(line))]
    removed = [one for one in packed if one.key not in needed and age(one) < oldest]
    # Records first: one whose files are gone would be a promise that nobody keeps.
    store.delete([one.key for one in records if one not in used])
    store.delete([one.key for one in removed])
    return Pruned(line, len(removed), sum(one.size for one in removed), len(packed) - len(removed))


def _named_by(store: ObjectStore, record: Listed) -> frozenset[str]:
    try:
        data, _ = store.read_bytes(record.key)
    except NotFound:  # somebody else prunes, too
        return frozenset()
    return packed_keys(unseal(data, KnownSet, record.key))


def age(entry: Listed) -> datetime:
    """When a listed file was written, by the store's own clock."""
    assert entry.written is not None  # only folders have none, and nothing lists them here
    return entry.written
