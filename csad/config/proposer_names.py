"""Values of `pseudo_labels.proposals`: the proposers of csad, and those that were registered from elsewhere.

A proposer of csad is a file of `csad/proposals/proposers`, called like its value; only the names are looked at here.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "proposals" / "proposers"

_registered: set[str] = set()


def known_proposers() -> tuple[str, ...]:
    """All values, sorted."""
    own = {file.stem for file in FOLDER.glob("*.py*") if not file.stem.startswith("_")}
    return tuple(sorted(own | _registered))


def add_proposer(name: str) -> None:
    """Accept a value from now on."""
    _registered.add(name)


def remove_proposer(name: str) -> None:
    """Accept it no longer, unless it is csad's own."""
    _registered.discard(name)
