"""Small JSON records in the store, each with a checksum of itself: what was changed is never taken for good."""

import json
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from csad.common.errors import StoreError
from csad.common.hashing import json_sha256
from csad.store.failures import Damaged, NotFound
from csad.store.objects import ObjectStore

T = TypeVar("T")

FORMAT = 1


def seal(record: object, kind: type[Any]) -> bytes:
    """Write a record.

    Args:
        record: An instance of `kind`.
        kind: A dataclass, or another type that pydantic can write.
    """
    content = TypeAdapter(kind).dump_python(record, mode="json")
    return json.dumps({"format": FORMAT, "sha256": json_sha256(content), "content": content}, allow_nan=False).encode(
        "ascii"
    )


def unseal(data: bytes, kind: type[T], key: str) -> T:
    """Read a record back.

    Args:
        data: What `seal` wrote.
        kind: Type of the record.
        key: Where it came from, for messages.

    Raises:
        Damaged: It is not what `seal` wrote.
        StoreError: It is of another format.
    """
    try:
        envelope = json.loads(data)
        found, version, content = envelope["sha256"], envelope["format"], envelope["content"]
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(key, "it is no record of csad") from error
    if version != FORMAT:
        raise StoreError(
            f"{key} in the store has format {version}, this csad reads {FORMAT}; use the csad that wrote it"
        )
    if json_sha256(content) != found:
        raise damaged(key, "its checksum does not fit")
    try:
        return TypeAdapter(kind).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise damaged(key, f"{place}: {first['msg']}") from error


def find_sealed(store: ObjectStore, key: str, kind: type[T]) -> tuple[T, str] | None:
    """Read a record from the store with its ETag; None where there is none.

    Raises:
        Damaged: It is not what `seal` wrote.
        StoreError: It is of another format, or the store does not answer.
    """
    try:
        data, etag = store.read_bytes(key)
    except NotFound:
        return None
    return unseal(data, kind, key), etag


def damaged(key: str, reason: str) -> Damaged:
    """The error for a record that must not be used."""
    return Damaged(
        f"{key} in the store is damaged: {reason}; restore it from a backup, or delete it and write it again"
    )
