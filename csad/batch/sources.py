"""Where the images of a batch come from: a folder, a prefix of a bucket, or a list of either's files."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from csad.batch.listed import MISSING, ListedImage, Listing
from csad.common.errors import DatasetError
from csad.common.file_stamp import FileStamp
from csad.common.hashing import bytes_sha256, file_sha256
from csad.common.printable import printable
from csad.images.layout import GROUND_TRUTH, is_ground_truth
from csad.images.reading import EXTENSIONS
from csad.images.walking import IMAGE_ENDINGS, NO_EXTENSION, say_ignored, walk
from csad.store.buckets import SCHEME, Bucket, StoredObject, split_address
from csad.store.failures import NotFound
from csad.store.settings import StoreSettings
from csad.store.transfer import in_parallel

LIST_ENDINGS = frozenset({".txt", ".lst", ".list"})
"""Endings of objects that are lists of images; on disk any file that is no folder is one."""

HOW = (
    "expected a folder, s3://BUCKET/PREFIX/, or a list (a text file or s3://BUCKET/LIST.txt) with a path or s3:// "
    "address a line"
)


class Sources:
    """Lists images and reads them.

    Args:
        settings: The store for addresses that begin with s3://; None where there is none.
    """

    def __init__(self, settings: StoreSettings | None) -> None:
        self._settings = settings
        self._buckets: dict[str, Bucket] = {}

    def list(self, where: str) -> Listing:
        """List the images of a folder, a prefix or a list.

        Args:
            where: Path, or address.

        Raises:
            DatasetError: There are no images, or no such place.
            StoreError: The store does not answer, or there is no such bucket.
        """
        listing = self._listed(where)
        if not listing.images:
            rest = say_ignored(Counter(listing.ignored))
            raise DatasetError(
                f"no images in {printable(where)}{f' ({rest})' if rest else ''}; expected names with one of: "
                f"{IMAGE_ENDINGS}. {HOW[0].upper()}{HOW[1:]}"
            )
        return listing

    def read(self, name: str) -> tuple[bytes | None, str]:
        """Read an image and its mark of now.

        Args:
            name: Name in the listing.

        Returns:
            The bytes, None where there are none, and the mark; of a file that was written to meanwhile the SHA-256 of
            what was read.

        Raises:
            StoreError: The store does not answer.
            OSError: The file is there and cannot be read.
        """
        if name.startswith(SCHEME):
            bucket, key = split_address(name)
            try:
                content, etag = self.bucket(bucket).objects.read_bytes(key)
            except NotFound:
                return None, MISSING
            return content, f"etag:{etag}"
        path = Path(name)
        try:
            before = FileStamp.of(path)
            content = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None, MISSING
        if before.is_settled(time.time_ns()) and FileStamp.find(path) == before:
            return content, _stamp_mark(before)
        return content, _digest_mark(bytes_sha256(content))

    def bucket(self, name: str) -> Bucket:
        """Open a bucket once.

        Raises:
            StoreError: There is none, or the store is not set up or does not answer.
        """
        if name not in self._buckets:
            self._buckets[name] = Bucket(self._settings or StoreSettings.from_environment(), name)
        return self._buckets[name]

    def _listed(self, where: str) -> Listing:
        if where.startswith(SCHEME):
            bucket, key = split_address(where)
            if _is_list(key):
                return self._of_list(where, self._text(bucket, key), None)
            return self._of_prefix(bucket, key)
        path = Path(where).absolute()
        if path.is_dir():
            found = walk(path, leave_out=is_ground_truth)
            return Listing.of(str(path), list(in_parallel(_on_disk, found.images)), found.ignored)
        if not path.is_file():
            raise DatasetError(f"{printable(where)} does not exist; {HOW}")
        if path.suffix.lower() in EXTENSIONS:
            return Listing.of(str(path), [_on_disk(path)])
        return self._of_list(str(path), _decoded(path.read_bytes(), str(path)), path.parent)

    def _of_prefix(self, bucket: str, prefix: str) -> Listing:
        folder = _folder(prefix)
        ignored: Counter[str] = Counter()
        images = []
        for found in self.bucket(bucket).list(folder):
            parts = PurePosixPath(found.key.removeprefix(folder)).parts
            if not parts or found.key.endswith("/") or any(part.startswith(".") for part in parts):
                continue
            if GROUND_TRUTH in parts[:-1]:
                ignored[f"subfolder {GROUND_TRUTH}/"] += 1
            elif (ending := PurePosixPath(found.key).suffix.lower()) not in EXTENSIONS:
                ignored[ending or NO_EXTENSION] += 1
            else:
                images.append(_in_bucket(bucket, found))
        return Listing.of(source_of(f"{SCHEME}{bucket}/{prefix}"), images, ignored)

    def _text(self, bucket: str, key: str) -> str:
        try:
            content, _ = self.bucket(bucket).objects.read_bytes(key)
        except NotFound:
            raise DatasetError(f"there is no list {SCHEME}{bucket}/{key}; {HOW}") from None
        return _decoded(content, f"{SCHEME}{bucket}/{key}")

    def _of_list(self, source: str, text: str, folder: Path | None) -> Listing:
        """Look at each name once; in a list of a bucket every name is an address."""
        names = list(_names(source, text, folder))
        once = list(dict.fromkeys(names))
        images = list(in_parallel(self._look, once))
        found = Listing.of(source, images)
        return Listing(source, found.images, len(names) - len(found.images), found.missing)

    def _look(self, name: str) -> ListedImage:
        if not name.startswith(SCHEME):
            return _on_disk(Path(name))
        bucket, key = split_address(name)
        found = self.bucket(bucket).find(key)
        return _in_bucket(bucket, found) if found else ListedImage(name, MISSING, None, None)


def source_of(where: str) -> str:
    """What results call a folder, a prefix or a list: an absolute path, or an address that ends as it is meant.

    Raises:
        StoreError: It begins as an address and is none.
    """
    if not where.startswith(SCHEME):
        return str(Path(where).absolute())
    bucket, key = split_address(where)
    return f"{SCHEME}{bucket}/{key if _is_list(key) else _folder(key)}"


def list_names(source: str, content: bytes, folder: Path | None) -> list[str]:
    """The names in a list of images, as they stand there, repeated ones too.

    Args:
        source: Names the list in messages.
        content: The list.
        folder: Where relative paths begin; None where every name must be an address.

    Raises:
        DatasetError: The list is no text, or holds a path where only addresses can be read.
    """
    return list(_names(source, _decoded(content, source), folder))


def _names(source: str, text: str, folder: Path | None) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), start=1):
        name = line.strip()
        if not name:
            continue
        if name.startswith(SCHEME):
            _, key = split_address(name)
            if not key or key.endswith("/"):
                raise DatasetError(f"{source}, line {number}: {name} is no image; expected s3://BUCKET/KEY")
            yield name
        elif folder is None:
            raise DatasetError(
                f"{source}, line {number}: {printable(name)} is a path, which the pods of a run do not see; expected "
                "s3://BUCKET/KEY in every line, or score it on this machine: python -m pipelines score-here"
            )
        else:
            yield os.path.normpath(folder / name)


def _decoded(content: bytes, source: str) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise DatasetError(f"{printable(source)} is no list of images: it is no UTF-8 text; {HOW}")
    return text


def _is_list(key: str) -> bool:
    return PurePosixPath(key).suffix.lower() in LIST_ENDINGS


def _folder(prefix: str) -> str:
    """A prefix as a folder: "incoming" does not mean "incoming2/", too."""
    return f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""


def _in_bucket(bucket: str, found: StoredObject) -> ListedImage:
    return ListedImage(f"{SCHEME}{bucket}/{found.key}", f"etag:{found.etag}", found.bytes, found.modified)


def _on_disk(path: Path) -> ListedImage:
    """A file by its stamp; by its bytes where it was written so lately that the stamp may not show a change."""
    stamp = FileStamp.find(path)
    if stamp is None or not path.is_file():
        return ListedImage(str(path), MISSING, None, None)
    if stamp.is_settled(time.time_ns()):
        return ListedImage(str(path), _stamp_mark(stamp), stamp.size, stamp.modified)
    return ListedImage(str(path), _digest_mark(file_sha256(path)), stamp.size, stamp.modified)


def _stamp_mark(stamp: FileStamp) -> str:
    return "file:" + ":".join(map(str, stamp))


def _digest_mark(sha256: str) -> str:
    return f"sha256:{sha256}"


def is_still(image: ListedImage, mark: str, content: bytes | None) -> bool:
    """Whether an image that was just read is the one that was listed.

    Args:
        image: Image in the listing.
        mark: Mark that it has now.
        content: Bytes that it has now; None where it is gone.
    """
    return image.mark == mark or (content is not None and image.mark == _digest_mark(bytes_sha256(content)))
