"""Which version of a line is in use: one pointer per line, moved only by who saw it last.

`champions/<line>.json` is written with If-Match, so of several promotions at once exactly one wins.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from csad.common.errors import StoreError
from csad.store.failures import Conflict
from csad.store.names import check_line, check_version
from csad.store.objects import ObjectStore
from csad.store.registry import is_complete
from csad.store.sealed import find_sealed, seal

ROOT = "champions"
HISTORY = 50


@dataclass(frozen=True)
class Champion:
    """The version in use.

    Attributes:
        version: Its name.
        previous: Versions that were in use before, the last one first.
        etag: ETag of the pointer: what a promotion must have seen.
    """

    version: str
    previous: tuple[str, ...]
    etag: str


@dataclass(frozen=True)
class _Pointer:
    """What is stored.

    Attributes:
        token: Makes every promotion's record its own: who lost the answer to a request can tell whether it won.
    """

    version: str
    previous: tuple[str, ...]
    promoted: str
    token: str


def read_champion(store: ObjectStore, line: str) -> Champion | None:
    """Return the champion of a line, or None before the first promotion.

    Raises:
        StoreError: The pointer is damaged, or the store does not answer.
    """
    found = find_sealed(store, _key(line), _Pointer)
    if found is None:
        return None
    pointer, etag = found
    return Champion(pointer.version, pointer.previous, etag)


def promote(store: ObjectStore, line: str, version: str, *, expected: Champion | None) -> Champion:
    """Make a version the champion, if the champion is still the one that the decision was taken against.

    Args:
        store: Where the pointer is.
        line: Product line.
        version: A complete version.
        expected: What `read_champion` returned when the decision was taken.

    Returns:
        The new champion; `expected` itself where it has this version already.

    Raises:
        Conflict: Somebody else moved the pointer; nothing was changed.
        StoreError: There is no such version, or the store does not answer.
    """
    check_line(line)
    if not is_complete(store, line, check_version(version)):
        raise StoreError(
            f"line {line} has no complete version {version} in the store, so nothing was changed; "
            f"see `csad models list {line}`"
        )
    if expected is None:
        return _move(store, line, version, (), None)
    if expected.version == version:
        _require_unmoved(store, line, expected)
        return expected
    return _move(store, line, version, (expected.version, *expected.previous)[:HISTORY], expected.etag)


def rollback(store: ObjectStore, line: str) -> Champion:
    """Make the version that was in use before the champion again; a second time goes one further back.

    Raises:
        Conflict: Somebody else moved the pointer; nothing was changed.
        StoreError: There is no earlier version, or the store does not answer.
    """
    champion = read_champion(store, line)
    if champion is None:
        raise StoreError(
            f"line {line} has no champion yet; promote a version first: csad models promote {line} VERSION"
        )
    for index, version in enumerate(champion.previous):
        if is_complete(store, line, version):
            return _move(store, line, version, champion.previous[index + 1 :], champion.etag)
    raise StoreError(
        f"line {line} has no version to go back to from {champion.version}; see `csad models list {line}` "
        "and promote another one"
    )


def _move(store: ObjectStore, line: str, version: str, previous: tuple[str, ...], etag: str | None) -> Champion:
    _require_conditional_writes(store, line)
    promoted = datetime.now(UTC).isoformat(timespec="seconds")
    data = seal(_Pointer(version, previous, promoted, secrets.token_hex(8)), _Pointer)
    try:
        written = store.put_bytes(_key(line), data, if_none_match=etag is None, if_match=etag)
    except Conflict as error:
        raise _moved(store, line, version) from error
    return Champion(version, previous, written)


def _require_unmoved(store: ObjectStore, line: str, expected: Champion) -> None:
    if read_champion(store, line) != expected:
        raise _moved(store, line, expected.version)


def _moved(store: ObjectStore, line: str, version: str) -> Conflict:
    now = read_champion(store, line)
    found = f"it is {now.version} now" if now else "there is none now"
    return Conflict(
        f"{version} was not promoted: the champion of line {line} changed at the same time, {found}; "
        "compare with that one and promote again if it is still better"
    )


def _require_conditional_writes(store: ObjectStore, line: str) -> None:
    """Find out whether the store keeps its word: an old one takes a conditional write for a plain one.

    Raises:
        StoreError: It does not refuse to overwrite.
    """
    key = f"{ROOT}/{check_line(line)}.probe"
    store.put_bytes(key, b"taken")
    try:
        store.put_bytes(key, b"", if_none_match=True)
    except Conflict:
        return
    raise StoreError(
        f"the store at {store.settings.url} ignores If-None-Match, so two promotions at once could both seem to win; "
        "use a newer release of it: MinIO since 2024, SeaweedFS since 4, AWS S3"
    )


def _key(line: str) -> str:
    return f"{ROOT}/{check_line(line)}.json"
