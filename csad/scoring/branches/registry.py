"""Which branches there are: each file of this folder enters its own."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from csad.common.errors import ModelFolderError
from csad.common.registry import Registry
from csad.scoring.branches.protocol import Branch

_BRANCHES: Registry[Branch] = Registry("branch")

B = TypeVar("B", bound=Branch)


def register(branch: type[B]) -> type[B]:
    """Enter a branch; a class decorator.

    Raises:
        ValueError: Another branch has its kind, or a score and a group have one name.
    """
    together: list[type[Branch]] = [*_BRANCHES.classes(), branch]
    if both := {name for other in together for name in other.scores} & {other.group for other in together}:
        raise ValueError(f"{', '.join(sorted(both))} is the name of a score and of a group; rename one of them")
    _BRANCHES.add(branch.kind, branch)
    return branch


def unregister(kind: str) -> None:
    """Take a branch out again, such as one that a test entered."""
    _BRANCHES.remove(kind)


def registered() -> tuple[type[Branch], ...]:
    """All branches, lowest rank first."""
    return tuple(sorted(_BRANCHES.classes(), key=lambda branch: (branch.rank, branch.kind)))


def outside_files() -> list[Path]:
    """Files of branches that are no part of csad."""
    return _BRANCHES.outside_files()


def branch_of(kind: str) -> type[Branch]:
    """The branch of a kind.

    Raises:
        ModelFolderError: There is none.
    """
    branch = _BRANCHES.find(kind)
    if branch is None:
        raise ModelFolderError(
            f"the model has a branch {kind}, which is unknown here (known: {', '.join(_BRANCHES.names())}); "
            "use the csad that trained it, or put the branch's file into csad/scoring/branches"
        )
    return branch


def score_names() -> tuple[str, ...]:
    """Names of all scores that branches may give, in their order in sums."""
    return tuple(dict.fromkeys(name for branch in registered() for name in branch.scores))


def groups() -> dict[str, tuple[str, ...]]:
    """Names of the scores of each group."""
    members: dict[str, list[str]] = {}
    for branch in registered():
        members.setdefault(branch.group, []).extend(branch.scores)
    return {group: tuple(dict.fromkeys(names)) for group, names in members.items()}
