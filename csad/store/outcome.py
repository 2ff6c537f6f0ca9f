"""How the last run of a line ended, so that the next run of the same data, line and code need not end there again.

`outcomes/<line>.json` is written by packaging, `deployed/<line>.json` by deployment.
"""

from dataclasses import dataclass

from csad.store.names import check_line
from csad.store.objects import ObjectStore
from csad.store.sealed import find_sealed, seal

OUTCOMES, DEPLOYED = "outcomes", "deployed"


@dataclass(frozen=True)
class Outcome:
    """What the gate and packaging made of a run.

    Attributes:
        origin: Digest of the data, the line, the seed and the code that the run was of.
        against: Version of the champion that the model was judged against; None without one.
        version: What was registered; None where the gate refused.
        reason: What the gate said.
    """

    origin: str
    against: str | None
    version: str | None
    reason: str


@dataclass(frozen=True)
class Deployed:
    """What is served, and how.

    Attributes:
        version: Version of the model.
        settings: Digest of the line's section `deployment`.
    """

    version: str
    settings: str


def read_outcome(store: ObjectStore, line: str) -> Outcome | None:
    """Return how the last run ended; None before the first.

    Raises:
        StoreError: The record is damaged, or the store does not answer.
    """
    found = find_sealed(store, f"{OUTCOMES}/{check_line(line)}.json", Outcome)
    return found[0] if found else None


def write_outcome(store: ObjectStore, line: str, outcome: Outcome) -> None:
    """Remember how a run ended.

    Raises:
        StoreError: The store refuses or does not answer.
    """
    store.put_bytes(f"{OUTCOMES}/{check_line(line)}.json", seal(outcome, Outcome))


def read_deployed(store: ObjectStore, line: str) -> Deployed | None:
    """Return what was put into service last; None before the first.

    Raises:
        StoreError: The record is damaged, or the store does not answer.
    """
    found = find_sealed(store, f"{DEPLOYED}/{check_line(line)}.json", Deployed)
    return found[0] if found else None


def write_deployed(store: ObjectStore, line: str, deployed: Deployed) -> None:
    """Remember what is served.

    Raises:
        StoreError: The store refuses or does not answer.
    """
    store.put_bytes(f"{DEPLOYED}/{check_line(line)}.json", seal(deployed, Deployed))
