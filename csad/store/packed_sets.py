"""Checked data sets in the store, each one packed file, named by its content: what the stages of a run read.

| key | what |
|---|---|
| `ingested/<line>/<sha256>.tar` | the packed images, by their own digest |
| `ingested/<line>/known/<key>.json` | what checking some data gave, so that it is checked once; rewritten by each use |
"""

import re
from dataclasses import dataclass
from pathlib import Path

from csad.common.errors import StoreError
from csad.common.hashing import file_sha256
from csad.store.failures import NotFound
from csad.store.names import check_digest, check_line
from csad.store.objects import ObjectStore
from csad.store.sealed import seal, unseal

ROOT = "ingested"
SCHEME = "ingested://"
ADDRESS = re.compile(r"ingested://([^@/]+)/([0-9a-f]{64})")


@dataclass(frozen=True)
class KnownSet:
    """What `ingest` made of some data.

    Attributes:
        training: Address of the train and validation images.
        whole: Address of all images.
        summary: The fields of the stage's summary, as JSON.
    """

    training: str
    whole: str
    summary: str


def put_packed(store: ObjectStore, line: str, file: Path) -> str:
    """Store a packed data set and return its address; the same bytes are stored once.

    Raises:
        StoreError: The store refuses or does not answer.
        OSError: The file cannot be read.
    """
    digest = file_sha256(file)
    if not store.exists(_key(line, digest)):
        store.put_file(_key(line, digest), file, digest)
    return f"{SCHEME}{line}/{digest}"


def get_packed(store: ObjectStore, address: str, file: Path) -> None:
    """Fetch a packed data set into a file.

    Raises:
        StoreError: The address is none, there is no such set, it is damaged, or the store does not answer.
        OSError: The file cannot be written.
    """
    line, digest = _parts(address)
    try:
        store.get_file(_key(line, digest), file, digest)
    except NotFound as error:
        raise StoreError(
            f"{address} is no longer in the store; start the run again: its first step checks the data and stores them"
        ) from error


def find_known(store: ObjectStore, line: str, key: str) -> KnownSet | None:
    """Return what is known about some data, where all of it is still in the store.

    Args:
        store: Where.
        line: Product line.
        key: Digest of the data and of all that checking them depends on.

    Raises:
        StoreError: The record is damaged, or the store does not answer.
    """
    try:
        data, _ = store.read_bytes(_known_key(line, key))
    except NotFound:
        return None
    known = unseal(data, KnownSet, _known_key(line, key))
    there = (store.exists(_key(*_parts(address))) for address in (known.training, known.whole))
    return known if all(there) else None


def put_known(store: ObjectStore, line: str, key: str, known: KnownSet) -> None:
    """Remember what checking some data gave.

    Raises:
        StoreError: The store refuses or does not answer.
    """
    store.put_bytes(_known_key(line, key), seal(known, KnownSet))


def packed_keys(known: KnownSet) -> frozenset[str]:
    """Keys of the packed files that a record stands for.

    Raises:
        StoreError: The record holds no addresses.
    """
    return frozenset(_key(*_parts(address)) for address in (known.training, known.whole))


def records_prefix(line: str) -> str:
    """What the keys of a line's records begin with."""
    return f"{line_prefix(line)}known/"


def line_prefix(line: str) -> str:
    """What the keys of all packed files and records of a line begin with."""
    return f"{ROOT}/{check_line(line)}/"


def _parts(address: str) -> tuple[str, str]:
    found = ADDRESS.fullmatch(address)
    if found is None:
        raise StoreError(
            f"{address!r} is no address of checked images; expected {SCHEME}LINE/SHA256, as ingest gives it"
        )
    return check_line(found[1]), found[2]


def _key(line: str, digest: str) -> str:
    return f"{ROOT}/{check_line(line)}/{digest}.tar"


def _known_key(line: str, key: str) -> str:
    return f"{ROOT}/{check_line(line)}/known/{check_digest(key)}.json"
