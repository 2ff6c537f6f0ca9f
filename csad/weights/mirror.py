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

    def all(self) -> Known:
        """Digests of all mirrored weights, by name.

        Raises:
            StoreError: The store does not answer.
            WeightsError: The record is damaged.
        """
        return self._known()[0]

    def size(self, name: str, sha256: str) -> int | None:
        """Bytes of the mirrored file with a digest, whatever the record says now; None where there is none.

        Raises:
            StoreError: The store does not answer.
        """
        key = _key(name, sha256)
        return next((listed.size for listed in self._store.list_sizes(key) if listed.key == key), None)

    def complete(self, name: str, sha256: str, path: Path) -> None:
        """Append to a file what it lacks of a mirrored one; the caller compares digests.

        Raises:
            StoreError: The object is missing, or the store does not answer.
            OSError: The file cannot be written.
        """
        self._store.complete_file(_key(name, sha256), path)

    def fetch(self, name: str, digests: Digests, path: Path) -> None:
        """Write a mirrored file to `path`, whole and checked, or leave what was there.

        Raises:
            StoreError: The object is missing or damaged, or the store does not answer.
        """
        self._store.get_file(_key(name, digests.stored), path, digests.stored)

    def keep(self, name: str, digests: Digests, path: Path) -> None:
        """Mirror a file; the record follows the object, so that what is recorded is there.

        Raises:
            WeightsError: Other weights are mirrored under this name; the message names both digests.
            StoreError: The store does not answer.
        """
        require_same(name, digests, self.find(name), f"{RECORD} in the store")
        self._put(name, digests, path, renewed=False)

    def renew(self, name: str, digests: Digests, path: Path) -> None:
        """Mirror a file under a name that others may have had; theirs stay for the lines that pin them.

        Raises:
            StoreError: The store does not answer.
        """
        self._put(name, digests, path, renewed=True)

    def _put(self, name: str, digests: Digests, path: Path, renewed: bool) -> None:
        if self.find(name) == digests and self._store.exists(_key(name, digests.stored)):
            return
        self._store.put_file(_key(name, digests.stored), path, digests.stored)
        for _ in range(TRIES):
            known, etag = self._known()
            if not renewed:
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


def _key(name: str, sha256: str) -> str:
    return f"{FOLDER}{name}/{sha256}"
