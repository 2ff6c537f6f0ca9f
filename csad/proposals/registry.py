"""Which proposers there are: each file of `csad/proposals/proposers` enters its own."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from csad.common.errors import StageError
from csad.common.registry import Registry
from csad.config.line import ProductLine
from csad.config.proposer_names import add_proposer, remove_proposer
from csad.proposals.proposer import Proposer

_PROPOSERS: Registry[Proposer] = Registry("proposer")

P = TypeVar("P", bound=Proposer)


def register(proposer: type[P]) -> type[P]:
    """Enter a proposer; a class decorator.

    Raises:
        ValueError: Another proposer has its name.
    """
    _PROPOSERS.add(proposer.name, proposer)
    add_proposer(proposer.name)
    return proposer


def unregister(name: str) -> None:
    """Take a proposer out again, such as one that a test entered."""
    _PROPOSERS.remove(name)
    remove_proposer(name)


def outside_files() -> list[Path]:
    """Files of proposers that are no part of csad."""
    return _PROPOSERS.outside_files()


def asks_tagger(line: ProductLine) -> bool:
    """Whether the tagging model RAM++ is asked for the prompts of a line."""
    return proposer_of(line).needs_prompts and line.tags.prompts is None


def proposer_of(line: ProductLine) -> Proposer:
    """The proposer that a line names.

    Raises:
        StageError: It was known when the line was read and is no longer.
    """
    name = line.pseudo_labels.proposals
    found = _PROPOSERS.find(name)
    if found is None:
        raise StageError(
            f"pseudo_labels.proposals names {name}, which no file of csad/proposals/proposers registers; expected "
            f"one of {', '.join(_PROPOSERS.names())}"
        )
    return found()
