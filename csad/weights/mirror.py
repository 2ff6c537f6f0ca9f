"""The weights' mirror in the store: one object per content, and a record of what was seen first."""

from __future__ import annotations

from pathlib import Path

from csad.common.errors import StoreError
from csad.store.failures import Conflict, NotFound
from csad.store.objects import ObjectStore
from csad.weights.digests import Digests, Known, dump, parse, require_same

FOLDER = "weights/"
RECORD = FOLDER + "digests.json"
TRIES = 5


class StoreMirror:
    """Weights in the store.

    Args:
        store: Where they are kept.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def find(self, name: str) -> Digests | None:
        """Digests of mirrored weights; None where they are not mirrored.

        Raises:
            StoreError: The store does not answer.
            WeightsError: The record is damaged.
        """
        return self._known()[0].get(name)

    def fetch(self, name: str, digests: Digests, path: Path) -> None:
        """Write a mirrored file to `path`, whole and checked, or leave what was there.

        Raises:
            StoreError: The object is missing or damaged, or the store does not answer.
        """
        self._store.get_file(_key(name, digests), path, digests.stored)

    def keep(self, name: str, digests: Digests, path: Path) -> None:
        """Mirror a file; the record follows the object, so that what is recorded is there.

        Raises:
            WeightsError: Other weights are mirrored under this name; the message names both digests.
            StoreError: The store does not answer.
        """
        known, _ = self._known()
        require_same(name, digests, known.get(name), f"{RECORD} in the store")
        if known.get(name) == digests and self._store.exists(_key(name, digests)):
            return
        self._store.put_file(_key(name, digests), path, digests.stored)
        for _ in range(TRIES):
            known, etag = self._known()
            require_same(name, digests, known.get(name), f"{RECORD} in the store")
            try:
                data = dump({**known, name: digests})
                self._store.put_bytes(RECORD, data, if_none_match=etag is None, if_match=etag)
            except Conflict:
                continue
            return
        raise StoreError(f"{RECORD} is changed by others all the time; run again")

    def _known(self) -> tuple[Known, str | None]:
        try:
            data, etag = self._store.read_bytes(RECORD)
        except NotFound:
            return {}, None
        return parse(data, f"{RECORD} in the store"), etag


def _key(name: str, digests: Digests) -> str:
    return f"{FOLDER}{name}/{digests.stored}"
