"""Names of mirrored weights to digests: what a run reads is settled once, when it starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from csad.common.errors import WeightsError
from csad.weights.cache import missing_from_mirror
from csad.weights.digests import Known


class Listing(Protocol):
    """What a mirror holds, such as `csad.weights.mirror.StoreMirror`."""

    def all(self) -> Known:
        """Digests of all mirrored weights, by name."""
        ...

    def size(self, name: str, sha256: str) -> int | None:
        """Bytes of the file with a digest; None where there is none."""
        ...


def resolve_digests(names: Sequence[str], pinned: Mapping[str, str], mirror: Listing) -> dict[str, str]:
    """Find out which file each name means: the pinned one, else the one that the mirror calls so.

    Args:
        names: Names of weights.
        pinned: SHA-256 by name, as a line pins them.
        mirror: The store's.

    Returns:
        SHA-256 by name; the mirror holds every one.

    Raises:
        WeightsError: The mirror lacks some, all of them in one message; or it has another file than a pinned one.
        StoreError: The store does not answer.
    """
    known = mirror.all() if names else {}
    digests = {name: pinned.get(name) or known[name].stored for name in names if name in pinned or name in known}
    absent = [name for name in names if name not in digests or mirror.size(name, digests[name]) is None]
    for name in absent:
        if name in pinned and name in known and known[name].stored != pinned[name]:
            raise WeightsError(
                f"weights {name} are not those that the line pins: the store has the sha256 {known[name].stored}, "
                f"pinned_weights says {pinned[name]}; pin the one that you trust, or put the other into the store"
            )
    if absent:
        raise missing_from_mirror(absent)
    return digests
