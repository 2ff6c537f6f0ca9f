"""Which branches there are: each file of this folder enters its own."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TypeVar

from csad.common.errors import ModelFolderError
from csad.scoring.branches.protocol import Branch

PACKAGE = "csad"

_REGISTERED: dict[str, type[Branch]] = {}

B = TypeVar("B", bound=Branch)


def register(branch: type[B]) -> type[B]:
    """Enter a branch; a class decorator.

    Raises:
        ValueError: Another branch has its kind, or a score and a group have one name.
    """
    known = _REGISTERED.get(branch.kind)
    if known is not None and _name(known) != _name(branch):
        raise ValueError(f"two branches are called {branch.kind}: {_name(known)} and {_name(branch)}")
    together: list[type[Branch]] = [*_REGISTERED.values(), branch]
    if both := {name for other in together for name in other.scores} & {other.group for other in together}:
        raise ValueError(f"{', '.join(sorted(both))} is the name of a score and of a group; rename one of them")
    _REGISTERED[branch.kind] = branch
    return branch


def _name(branch: type[Branch]) -> str:
    return f"{branch.__module__}.{branch.__qualname__}"


def unregister(kind: str) -> None:
    """Take a branch out again, such as one that a test entered."""
    del _REGISTERED[kind]


def registered() -> tuple[type[Branch], ...]:
    """All branches, lowest rank first."""
    return tuple(sorted(_REGISTERED.values(), key=lambda branch: (branch.rank, branch.kind)))


def outside_files() -> list[Path]:
    """Files of registered branches that are no part of csad: results depend on them as they do on its own code."""
    outside = (branch for branch in registered() if branch.__module__.split(".")[0] != PACKAGE)
    return sorted({Path(inspect.getfile(branch)) for branch in outside})


def branch_of(kind: str) -> type[Branch]:
    """The branch of a kind.

    Raises:
        ModelFolderError: There is none.
    """
    if kind not in _REGISTERED:
        raise ModelFolderError(
            f"the model has a branch {kind}, which is unknown here (known: {', '.join(sorted(_REGISTERED))}); "
            "use the csad that trained it, or put the branch's file into csad/scoring/branches"
        )
    return _REGISTERED[kind]


def score_names() -> tuple[str, ...]:
    """Names of all scores that branches may give, in their order in sums."""
    return tuple(dict.fromkeys(name for branch in registered() for name in branch.scores))


def groups() -> dict[str, tuple[str, ...]]:
    """Names of the scores of each group."""
    members: dict[str, list[str]] = {}
    for branch in registered():
        members.setdefault(branch.group, []).extend(branch.scores)
    return {group: tuple(dict.fromkeys(names)) for group, names in members.items()}
