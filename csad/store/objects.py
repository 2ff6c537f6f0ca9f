"""Objects in an S3 bucket: whole or absent, checked when they are read."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Self, TypeVar, cast

from minio import Minio
from minio.deleteobjects import DeleteObject
from urllib3.exceptions import ProtocolError

from csad.common import atomic
from csad.common.errors import StoreError
from csad.common.hashing import file_sha256
from csad.common.patience import Patience
from csad.store.checked_file import CheckedFile
from csad.store.client import CONNECT_SECONDS, SILENCE_SECONDS, make_bucket, make_client
from csad.store.failures import Conflict, Damaged, NotFound
from csad.store.listed import Listed
from csad.store.retry import CONNECTING, WORKING, retrying
from csad.store.settings import StoreSettings

__all__ = ["Conflict", "Damaged", "Listed", "NotFound", "ObjectStore"]

T = TypeVar("T")

PART = 8 * 2**20
"""Larger files travel in parts of this size, one after the other: files travel side by side already."""

PIECE = 2**18


class ObjectStore:
    """Keys and bytes; any number of threads may use one.

    Every operation is tried again while the store is unreachable for a moment. Keys are relative to the
    settings' prefix.
    """

    def __init__(self, settings: StoreSettings, client: Minio, patience: Patience = WORKING) -> None:
        """Use `connect`, which also checks that the store answers and makes the bucket.

        Args:
            settings: The store and the keys.
            client: Reaches it.
            patience: How long a store that fails is asked again.
        """
        self.settings = settings
        self._client = client
        self._patience = patience

    @classmethod
    def connect(cls, settings: StoreSettings) -> Self:
        """Check that the store answers and that the bucket exists; make it where it does not.

        Raises:
            StoreError: No answer within about 10 seconds, or the keys are refused.
        """
        checking = make_client(settings, silence=CONNECT_SECONDS)
        retrying(lambda: make_bucket(checking, settings), f"open the bucket {settings.bucket}", settings, CONNECTING)
        return cls(settings, make_client(settings, silence=SILENCE_SECONDS))

    def put_file(self, key: str, path: Path, sha256: str | None = None) -> str:
        """Store a file; until it is complete, nothing of it can be seen.

        Args:
            key: Where; an object that is there is replaced.
            path: The file.
            sha256: Expected digest of the file; computed unless given.

        Returns:
            SHA-256 of what was stored.

        Raises:
            StoreError: The store refuses or does not answer, or the file changed under way.
            OSError: The file cannot be read.
        """
        expected = sha256 or file_sha256(path)

        def put() -> None:
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                stream = CheckedFile(file, size, expected, path)
                self._client.put_object(
                    self.settings.bucket,
                    self._full(key),
                    cast(BinaryIO, stream),
                    size,
                    part_size=PART,
                    num_parallel_uploads=1,
                )

        self._do(put, f"write {key}")
        return expected

    def get_file(self, key: str, path: Path, sha256: str | None) -> str:
        """Fetch an object into a file, which is whole and right, or as it was before.

        Args:
            key: The object.
            path: The file to write; its folder is created.
            sha256: Expected digest, or None to take what is there.

        Returns:
            SHA-256 of the file.

        Raises:
            NotFound: No such object.
            Damaged: The object is not the expected one.
            StoreError: The store does not answer.
            OSError: The file cannot be written.
        """

        def get() -> str:
            with atomic.replacing(path) as temporary:
                with temporary.open("wb") as file:
                    found = self._read(key, file.write)
                _require_same(key, found, sha256)
            return found

        return self._do(get, f"read {key}")

    def complete_file(self, key: str, path: Path) -> None:
        """Append to a file what it lacks of an object: an interrupted transfer resumes, here or in a later process.

        The caller compares digests; a file that is longer than the object is fetched from scratch.

        Raises:
            NotFound: No such object.
            StoreError: The store does not answer.
            OSError: The file cannot be written.
        """

        def append() -> None:
            whole = self._client.stat_object(self.settings.bucket, self._full(key)).size or 0
            with path.open("ab") as file:
                if file.tell() > whole:
                    file.truncate(0)
                if file.tell() < whole:
                    self._read(key, file.write, file.tell())
                if file.tell() != whole:
                    raise ProtocolError(f"{file.tell()} of {whole} bytes came")

        self._do(append, f"read {key}")

    def sha256_of(self, key: str) -> str:
        """Read an object and return its SHA-256; nothing is kept.

        Raises:
            NotFound: No such object.
            StoreError: The store does not answer.
        """
        return self._do(lambda: self._read(key, len), f"read {key}")

    def put_bytes(self, key: str, data: bytes, *, if_none_match: bool = False, if_match: str | None = None) -> str:
        """Store some bytes, under a condition or without one.

        Args:
            key: Where.
            data: What.
            if_none_match: Only if there is no object yet.
            if_match: Only if the object still has this etag.

        Returns:
            The new etag.

        Raises:
            Conflict: The condition does not hold.
            StoreError: The store refuses or does not answer.
        """
        headers: dict[str, str | list[str] | tuple[str]] = {"Content-Type": "application/octet-stream"}
        if if_none_match:
            headers["If-None-Match"] = "*"
        if if_match is not None:
            headers["If-Match"] = f'"{if_match}"'
        attempts = 0

        def put() -> str:
            nonlocal attempts
            attempts += 1
            # put_object takes no conditions; this is what it calls itself for one part.
            result = self._client._put_object(self.settings.bucket, self._full(key), data, headers)
            return _etag(result.etag)

        try:
            return self._do(put, f"write {key}")
        except (Conflict, NotFound) as error:
            # An earlier attempt may have been carried out although its answer was lost.
            if attempts > 1 and self.exists(key):
                written, etag = self.read_bytes(key)
                if written == data:
                    return etag
            raise Conflict(f"{key} was changed by somebody else at the same time") from error

    def read_bytes(self, key: str) -> tuple[bytes, str]:
        """Return a small object and its etag.

        Raises:
            NotFound: No such object.
            StoreError: The store does not answer.
        """

        def read() -> tuple[bytes, str]:
            response = self._client.get_object(self.settings.bucket, self._full(key))
            try:
                return response.read(), _etag(response.headers.get("ETag"))
            finally:
                response.close()
                response.release_conn()

        return self._do(read, f"read {key}")

    def read_end(self, key: str, size: int) -> bytes:
        """Return the last bytes of an object, `size` at most.

        Raises:
            NotFound: No such object.
            StoreError: The store does not answer.
        """

        def read() -> bytes:
            whole = self._client.stat_object(self.settings.bucket, self._full(key)).size or 0
            if whole == 0:
                return b""
            response = self._client.get_object(self.settings.bucket, self._full(key), offset=max(0, whole - size))
            try:
                return bytes(response.read())
            finally:
                response.close()
                response.release_conn()

        return self._do(read, f"read {key}")

    def exists(self, key: str) -> bool:
        """Whether there is an object with this key.

        Raises:
            StoreError: The store does not answer.
        """
        try:
            self._do(lambda: self._client.stat_object(self.settings.bucket, self._full(key)), f"look for {key}")
        except NotFound:
            return False
        return True

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with a prefix, sorted.

        Raises:
            StoreError: The store does not answer.
        """
        return (listed.key for listed in self.list_sizes(prefix))

    def list_sizes(self, prefix: str) -> Iterator[Listed]:
        """Yield keys that begin with a prefix and their sizes, sorted.

        Raises:
            StoreError: The store does not answer.
        """
        yield from self._listed(prefix, recursive=True)

    def list_folders(self, prefix: str) -> Iterator[str]:
        """Yield the names directly below a prefix that ends in "/", of those that have or had something below them.

        SeaweedFS keeps the folder of an object that was removed; `holds` tells the two apart, at a request each.

        Raises:
            StoreError: The store does not answer.
        """
        for listed in self._listed(prefix, recursive=False):
            if listed.key.endswith("/"):
                yield listed.key.removeprefix(prefix).removesuffix("/")

    def holds(self, prefix: str) -> bool:
        """Whether there is an object whose key begins with a prefix; one page of a listing at most.

        Raises:
            StoreError: The store does not answer.
        """

        def look() -> bool:
            found = self._client.list_objects(self.settings.bucket, prefix=self._full(prefix), recursive=True)
            return any(not entry.is_dir for entry in found)

        return self._do(look, f"list {prefix}")

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; those that are not there are ignored.

        Raises:
            StoreError: The store refuses or does not answer.
        """
        wanted = [DeleteObject(self._full(key)) for key in keys]

        def remove() -> None:
            for failed in self._client.remove_objects(self.settings.bucket, wanted):
                if failed.code != "NoSuchKey":
                    raise StoreError(
                        f"cannot remove {failed.name} from the store at {self.settings.url}: "
                        f"{failed.code}: {failed.message}"
                    )

        self._do(remove, f"remove {len(wanted)} objects")

    def _listed(self, prefix: str, recursive: bool) -> Sequence[Listed]:
        def read() -> Sequence[Listed]:
            found = self._client.list_objects(self.settings.bucket, prefix=self._full(prefix), recursive=recursive)
            return [Listed(entry.object_name or "", entry.size or 0, entry.last_modified) for entry in found]

        entries = self._do(read, f"list {prefix}")
        named = [entry._replace(key=entry.key.removeprefix(self.settings.prefix)) for entry in entries]
        return sorted(named, key=lambda entry: entry.key)

    def _read(self, key: str, take: Callable[[bytes], object], start: int = 0) -> str:
        digest = hashlib.sha256()
        response = self._client.get_object(self.settings.bucket, self._full(key), offset=start)
        try:
            for piece in response.stream(PIECE):
                digest.update(piece)
                take(piece)
        finally:
            response.close()
            response.release_conn()
        return digest.hexdigest()

    def _full(self, key: str) -> str:
        return self.settings.prefix + key

    def _do(self, work: Callable[[], T], what: str) -> T:
        return retrying(work, what, self.settings, self._patience)


def _require_same(key: str, found: str, expected: str | None) -> None:
    if expected is not None and found != expected:
        raise Damaged(
            f"the object {key} in the store is damaged: its sha256 is {found}, expected {expected}; "
            "restore it from a backup, or delete it and store it again"
        )


def _etag(text: str | None) -> str:
    return (text or "").strip('"')
