"""Data sets in the store: listed, checked and fetched. `csad.store.push` stores them, `snapshots` says where."""

import logging
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from csad.common.errors import StoreError
from csad.common.hashing import file_sha256
from csad.common.progress import track
from csad.store.failures import NotFound
from csad.store.names import check_line
from csad.store.objects import ObjectStore
from csad.store.snapshots import (
    ROOT,
    DatasetVersion,
    StoredFile,
    begun,
    find_version,
    object_key,
    read_files,
    resolve,
)
from csad.store.transfer import in_parallel

INCOMING = ".incoming"
NAMED = 3

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Damage:
    """An object that a version needs and cannot be used.

    Attributes:
        key: The object.
        text: The file that it stands for and what is wrong.
    """

    key: str
    text: str


def list_lines(store: ObjectStore) -> list[str]:
    """Return the lines that have data in the store, sorted; not those whose data were all removed.

    Raises:
        StoreError: The store does not answer.
    """
    lines = sorted(store.list_folders(f"{ROOT}/"))
    held = in_parallel(lambda line: store.holds(f"{ROOT}/{line}/"), lines)
    return [line for line, has_data in zip(lines, held, strict=True) if has_data]


def list_datasets(store: ObjectStore, line: str) -> list[DatasetVersion]:
    """Return the versions of a line's data, oldest first. What is not completely there is no version.

    Raises:
        StoreError: A manifest is damaged, or the store does not answer.
    """
    check_line(line)
    found = in_parallel(lambda digest: find_version(store, line, digest), begun(store, line))
    return sorted((version for version in found if version), key=lambda version: (version.created, version.digest))


def pull_dataset(store: ObjectStore, line: str, digest: str | None, folder: Path) -> DatasetVersion:
    """Fetch a version into a folder, checked file by file; nothing shows there before all of it has come.

    After an interruption the same call resumes where it was.

    Args:
        store: Where from.
        line: Product line.
        digest: Digest of the version; None for the one pushed last.
        folder: Empty, not there yet, or already holding files of this version.

    Raises:
        StoreError: No such version, an object is damaged, the folder holds something else, or no answer.
        OSError: The folder cannot be written.
    """
    version = resolve(store, line, digest)
    files = read_files(store, version)
    _require_nothing_else(folder, files)
    incoming = folder / INCOMING

    def fetch(file: StoredFile) -> None:
        if not (_holds(folder / file.name, file) or _holds(incoming / file.name, file)):
            store.get_file(object_key(line, file.sha256), incoming / file.name, file.sha256)

    for _ in track(in_parallel(fetch, files), "Fetching images", total=len(files)):
        continue
    for file in files:
        if (incoming / file.name).is_file():
            (folder / file.name).parent.mkdir(parents=True, exist_ok=True)
            (incoming / file.name).replace(folder / file.name)
    shutil.rmtree(incoming, ignore_errors=True)
    _log.info("fetched %d images of line %s, digest %s", version.images, line, version.digest[:12])
    return version


def verify_dataset(store: ObjectStore, line: str, digest: str | None) -> list[str]:
    """Read every object of a version and name those that are missing or damaged.

    Args:
        store: Where.
        line: Product line.
        digest: Digest of the version; None for the one pushed last.

    Returns:
        A sentence per file that cannot be used; empty when all is well.

    Raises:
        StoreError: No such version, its list of files is damaged, or no answer.
    """
    return [damage.text for damage in _damages(store, line, digest)]


def remove_damaged(store: ObjectStore, line: str, digest: str | None) -> list[str]:
    """Remove what `verify_dataset` names, so that the next push of the same data stores it again.

    Returns:
        What was removed or missing, as `verify_dataset` returns it.

    Raises:
        StoreError: No such version, its list of files is damaged, or no answer.
    """
    damages = list(_damages(store, line, digest))
    store.delete(sorted({damage.key for damage in damages}))
    return [damage.text for damage in damages]


def _damages(store: ObjectStore, line: str, digest: str | None) -> Iterator[_Damage]:
    version = resolve(store, line, digest)
    files = read_files(store, version)
    by_content = {file.sha256: file for file in files}

    def reason(sha256: str) -> str:
        try:
            found = store.sha256_of(object_key(line, sha256))
        except NotFound:
            return "missing"
        return "" if found == sha256 else f"damaged: its sha256 is {found}, expected {sha256}"

    reasons = dict(
        zip(
            by_content,
            track(in_parallel(reason, by_content), "Checking objects", total=len(by_content)),
            strict=True,
        )
    )
    for file in files:
        if reasons[file.sha256]:
            yield _Damage(object_key(line, file.sha256), f"{file.name}: {reasons[file.sha256]}")


def _require_nothing_else(folder: Path, files: Iterable[StoredFile]) -> None:
    """Make sure that the folder will hold this version and nothing else.

    Raises:
        StoreError: It holds other files, or others under the same names.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise StoreError(f"{folder} is a file; expected a folder to write the images to")
    wanted = {file.name: file for file in files}
    strange = []
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() or any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        if name not in wanted or not _holds(path, wanted[name]):
            strange.append(name)
    if strange:
        named = ", ".join(sorted(strange)[:NAMED]) + (", ..." if len(strange) > NAMED else "")
        raise StoreError(
            f"{folder} holds {len(strange)} files that are not of this version ({named}); choose an empty folder"
        )


def _holds(path: Path, file: StoredFile) -> bool:
    return path.is_file() and path.stat().st_size == file.bytes and file_sha256(path) == file.sha256
