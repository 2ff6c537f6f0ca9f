"""How a data set lies in the store.

| key | what |
|---|---|
| `datasets/<line>/objects/<sha256>` | the files of all its versions, each content once |
| `datasets/<line>/snapshots/<digest>/files.json` | names and contents of one version |
| `datasets/<line>/snapshots/<digest>/manifest.json` | written last: without it there is no version |
| `datasets/<line>/latest.json` | the version that was pushed last |
"""

from collections.abc import Iterator
from dataclasses import dataclass

from csad.common.errors import StoreError
from csad.common.hashing import files_sha256
from csad.store.names import DIGEST, DIGEST_START, check_digest, check_line, check_relative
from csad.store.objects import ObjectStore
from csad.store.sealed import damaged, find_sealed, unseal

ROOT = "datasets"
LATEST = "latest"


@dataclass(frozen=True)
class DatasetVersion:
    """A data set in the store.

    Attributes:
        line: Product line.
        digest: Over names and contents; what `ingest` calls the same files.
        images: Number of images, masks not counted.
        bytes: Size of all files together.
        created: When it was pushed first, ISO 8601 in UTC.
    """

    line: str
    digest: str
    images: int
    bytes: int
    created: str


@dataclass(frozen=True)
class StoredFile:
    """One file of a version.

    Attributes:
        name: Relative path.
        sha256: SHA-256 of its content; names its object.
        bytes: Its size.
    """

    name: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class FileList:
    """`files.json`."""

    files: tuple[StoredFile, ...]

    def digest(self) -> str:
        """The digest that these files have as a data set."""
        return files_sha256({file.name: file.sha256 for file in self.files})


@dataclass(frozen=True)
class Latest:
    """`latest.json`."""

    digest: str


def object_key(line: str, sha256: str) -> str:
    """Where a content lies."""
    return f"{ROOT}/{line}/objects/{sha256}"


def files_key(line: str, digest: str) -> str:
    """Where the list of files lies."""
    return f"{ROOT}/{line}/snapshots/{digest}/files.json"


def manifest_key(line: str, digest: str) -> str:
    """Where the manifest lies."""
    return f"{ROOT}/{line}/snapshots/{digest}/manifest.json"


def latest_key(line: str) -> str:
    """Where the pointer to the version pushed last lies."""
    return f"{ROOT}/{line}/{LATEST}.json"


def find_version(store: ObjectStore, line: str, digest: str) -> DatasetVersion | None:
    """Read a manifest; None where there is no such version.

    Raises:
        StoreError: It is damaged, or the store does not answer.
    """
    key = manifest_key(line, digest)
    found = find_sealed(store, key, DatasetVersion)
    if found is None:
        return None
    version, _ = found
    if (version.line, version.digest) != (line, digest):
        raise damaged(key, "it describes another version")
    return version


def latest_digest(store: ObjectStore, line: str) -> str | None:
    """Digest of the version pushed last; None where there is none.

    Raises:
        StoreError: The pointer is damaged, or the store does not answer.
    """
    found = find_sealed(store, latest_key(line), Latest)
    return found[0].digest if found else None


def begun(store: ObjectStore, line: str) -> Iterator[str]:
    """Digests of all versions that were ever begun, complete or not."""
    return store.list_folders(f"{ROOT}/{line}/snapshots/")


def resolve(store: ObjectStore, line: str, digest: str | None) -> DatasetVersion:
    """Find a version.

    Args:
        store: Where.
        line: Product line.
        digest: Its first 8 digits or more, or None for the version pushed last.

    Raises:
        StoreError: There is none, or several begin like that.
    """
    check_line(line)
    wanted = _whole(store, line, digest) if digest is not None else latest_digest(store, line)
    version = find_version(store, line, wanted) if wanted is not None else None
    if version is None:
        named = f"no data set {wanted} of line {line}" if wanted else f"no data set of line {line}"
        raise StoreError(
            f"there is {named} in the store at {store.settings.url}, bucket {store.settings.bucket}; "
            f"see `csad data list {line}`, or store one with `csad data push FOLDER --line {line}`"
        )
    return version


def _whole(store: ObjectStore, line: str, start: str) -> str:
    if DIGEST.fullmatch(start) or not DIGEST_START.fullmatch(start):
        return check_digest(start)
    fitting = [
        digest for digest in begun(store, line) if digest.startswith(start) and find_version(store, line, digest)
    ]
    if len(fitting) > 1:
        raise StoreError(f"{len(fitting)} data sets of line {line} begin with {start}; give more digits")
    return fitting[0] if fitting else start


def read_files(store: ObjectStore, version: DatasetVersion) -> tuple[StoredFile, ...]:
    """Read the list of files of a version, checked against its digest.

    Raises:
        StoreError: It is damaged, or the store does not answer.
    """
    key = files_key(version.line, version.digest)
    data, _ = store.read_bytes(key)
    listed = unseal(data, FileList, key)
    if listed.digest() != version.digest:
        raise damaged(key, f"its files have the digest {listed.digest()}")
    for file in listed.files:
        check_relative(file.name)
        check_digest(file.sha256)
    return listed.files
