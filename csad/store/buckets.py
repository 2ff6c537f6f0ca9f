"""Other buckets of the store's server, which belong to somebody else: nothing is made in them unasked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from minio import Minio

from csad.common.errors import StoreError
from csad.store.client import SILENCE_SECONDS, make_client
from csad.store.failures import NotFound
from csad.store.objects import ObjectStore
from csad.store.retry import CONNECTING, WORKING, retrying
from csad.store.settings import BUCKET_NAME, StoreSettings

SCHEME = "s3://"
ADDRESS = re.compile(r"s3://([^/]+)(?:/(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object of a bucket, without its bytes.

    Attributes:
        key: Its whole key.
        bytes: Its size.
        etag: Changes with its bytes.
        modified: When it was written, nanoseconds since 1970; None where the store does not say.
    """

    key: str
    bytes: int
    etag: str
    modified: int | None


def split_address(address: str) -> tuple[str, str]:
    """Bucket and key, or prefix, of an address.

    Raises:
        StoreError: It is none.
    """
    found = ADDRESS.fullmatch(address)
    if found is None or not BUCKET_NAME.fullmatch(found[1]) or "?" in found[1]:
        raise StoreError(
            f"{address!r} is no address in a store; expected s3://BUCKET/KEY, such as s3://camera/incoming/"
        )
    return found[1], found[2] or ""


class Bucket:
    """A bucket that exists; any number of threads may use one.

    Args:
        settings: The server and the keys; bucket and prefix of csad's own store do not count.
        name: Name of the bucket.

    Raises:
        StoreError: There is no such bucket, or the store does not answer.
    """

    def __init__(self, settings: StoreSettings, name: str) -> None:
        self.settings = replace(settings, bucket=name, prefix="")
        self._client: Minio = make_client(self.settings, silence=SILENCE_SECONDS)
        found = retrying(
            lambda: self._client.bucket_exists(name), f"look for the bucket {name}", self.settings, CONNECTING
        )
        if not found:
            raise StoreError(
                f"there is no bucket {name} in the store at {settings.url}; check the address, and that "
                "CSAD_STORE_ENDPOINT names the store that has it"
            )
        self.objects = ObjectStore(self.settings, self._client)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield what lies below a prefix, in the order of the keys' bytes; the pages of a listing are held as one list.

        Raises:
            StoreError: The store does not answer.
        """

        def read() -> list[StoredObject]:
            entries = self._client.list_objects(self.settings.bucket, prefix=prefix, recursive=True)
            return [
                StoredObject(
                    entry.object_name or "", entry.size or 0, entry.etag or "", _nanoseconds(entry.last_modified)
                )
                for entry in entries
                if not entry.is_dir
            ]

        yield from retrying(read, f"list {SCHEME}{self.settings.bucket}/{prefix}", self.settings, WORKING)

    def find(self, key: str) -> StoredObject | None:
        """Look at an object; None where there is none.

        Raises:
            StoreError: The store does not answer.
        """

        def look() -> StoredObject:
            found = self._client.stat_object(self.settings.bucket, key)
            etag = (found.etag or "").strip('"')
            return StoredObject(key, found.size or 0, etag, _nanoseconds(found.last_modified))

        try:
            return retrying(look, f"look for {SCHEME}{self.settings.bucket}/{key}", self.settings, WORKING)
        except NotFound:
            return None


def _nanoseconds(time: datetime | None) -> int | None:
    return None if time is None else round(time.timestamp()) * 1_000_000_000
