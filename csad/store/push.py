"""Storing a data set: contents first, then the list of files, the manifest last."""

import logging
import threading
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from csad.common.errors import DatasetError, StoreError
from csad.common.hashing import bytes_sha256, file_sha256
from csad.common.printable import printable
from csad.common.progress import track
from csad.store.failures import Conflict, Damaged, NotFound
from csad.store.names import check_line
from csad.store.objects import PART, ObjectStore
from csad.store.sealed import seal
from csad.store.snapshots import (
    DatasetVersion,
    FileList,
    Latest,
    StoredFile,
    files_key,
    find_version,
    latest_digest,
    latest_key,
    manifest_key,
    object_key,
    read_files,
)
from csad.store.transfer import in_parallel

if TYPE_CHECKING:
    from csad.images import ImageFile, ImageSet

CONFIG = "defects_config.json"

_log = logging.getLogger(__name__)


def push_dataset(store: ObjectStore, folder: Path, line: str) -> DatasetVersion:
    """Store all images of a folder, the masks of the test images and the defects' configuration.

    Only contents that the line does not have yet travel. After an interruption the same call resumes where it was.
    Nothing is decoded: `push_checked` stores what a check of every image left.

    Args:
        store: Where to.
        folder: LOCO layout or a flat folder of good images.
        line: Product line.

    Returns:
        The version. Its digest is the one that `ingest` gives the folder, if it can use every image.

    Raises:
        DatasetError: The folder holds no images, or names that are not UTF-8.
        StoreError: The store refuses or does not answer, or a file changed under way.
        OSError: A file cannot be read.
    """
    from csad.config.settings import ImageSettings
    from csad.images.ignored import tell_ignored
    from csad.images.layout import list_images

    check_line(line)
    images = list_images(folder, ImageSettings().validation_fraction)
    tell_ignored(folder)
    return _push(store, folder, images, line)


def push_checked(store: ObjectStore, images: "ImageSet", line: str) -> DatasetVersion:
    """Store the usable images of a data set that was checked.

    Args:
        store: Where to.
        images: What `csad.images.scan` or `inspect` returned.
        line: Product line.

    Returns:
        The version; its digest is that of `images`.

    Raises:
        StoreError: The store refuses or does not answer, or a file changed under way.
        OSError: A file cannot be read.
    """
    check_line(line)
    listed = (*images.train, *images.validation, *images.test)
    return _push(store, images.root, listed, line, {path: seen.sha256 for path, seen in images.contents.items()})


def _push(
    store: ObjectStore, root: Path, images: "Sequence[ImageFile]", line: str, checked: Mapping[Path, str] | None = None
) -> DatasetVersion:
    """Store files; with `checked`, their digests when they were checked, only those files as they were then."""
    paths = _with_annotations(root, images)
    if checked is not None and (other := checked.keys() ^ set(paths)):
        raise _changed(min(other))
    _require_text(path.relative_to(root) for path in paths)
    contents = _Contents(store, root, line, checked or {})
    pushed = track(in_parallel(contents.store, paths), "Storing images", total=len(paths))
    listed = FileList(tuple(sorted(pushed, key=lambda file: file.name)))
    version = DatasetVersion(
        line=line,
        digest=listed.digest(),
        images=len(images),
        bytes=sum(file.bytes for file in listed.files),
        created=datetime.now(UTC).isoformat(timespec="microseconds"),
    )
    version = _publish(store, version, listed)
    _log.info(
        "line %s: %d images, digest %s; %d of %d files were new",
        line,
        version.images,
        version.digest[:12],
        contents.moved,
        len(paths),
    )
    return version


def _require_text(names: Iterable[Path]) -> None:
    """Refuse names that no list of files could hold.

    Raises:
        DatasetError: Some are not UTF-8; the message shows the first.
    """
    wrong = [printable(name) for name in names if printable(name) != str(name)]
    if wrong:
        raise DatasetError(
            f"{len(wrong)} names are not UTF-8, such as {wrong[0]}; rename them, or leave such images behind with "
            "--line-file"
        )


def _with_annotations(root: Path, images: "Sequence[ImageFile]") -> list[Path]:
    from csad.images.layout import ground_truth_masks

    masks = [mask for image in images if image.split == "test" for mask in ground_truth_masks(root, image)]
    config = [root / CONFIG] if (root / CONFIG).is_file() else []
    return [*(image.path for image in images), *masks, *config]


class _Contents:
    """Stores each content once.

    Attributes:
        moved: Objects that had to be stored.
    """

    def __init__(self, store: ObjectStore, root: Path, line: str, checked: Mapping[Path, str]) -> None:
        self._store, self._root, self._line, self._checked = store, root, line, checked
        start = object_key(line, "")
        self._known = {listed.key.removeprefix(start): listed.size for listed in store.list_sizes(start)}
        self._lock = threading.Lock()
        self.moved = 0

    def store(self, path: Path) -> StoredFile:
        """Store one file unless its content is there.

        Raises:
            StoreError: The store refuses or does not answer, or the file changed under way.
            OSError: The file cannot be read.
        """
        size = path.stat().st_size
        if size > PART:
            sha256 = self._as_checked(path, file_sha256(path))
            if self._is_new(sha256, size):
                self._store.put_file(object_key(self._line, sha256), path, sha256)
        else:
            data = path.read_bytes()
            size, sha256 = len(data), self._as_checked(path, bytes_sha256(data))
            if self._is_new(sha256, size):
                self._store.put_bytes(object_key(self._line, sha256), data)
        name = unicodedata.normalize("NFC", path.relative_to(self._root).as_posix())
        return StoredFile(name, sha256, size)

    def _as_checked(self, path: Path, sha256: str) -> str:
        if self._checked.get(path, sha256) != sha256:
            raise _changed(path)
        return sha256

    def _is_new(self, sha256: str, size: int) -> bool:
        with self._lock:
            if self._known.get(sha256) == size:
                return False
            self._known[sha256] = size
            self.moved += 1
            return True


def _changed(path: Path) -> StoreError:
    return StoreError(
        f"{printable(path)} changed after it was checked; no version was stored, run again when nothing writes to the "
        "data any more"
    )


def _publish(store: ObjectStore, version: DatasetVersion, listed: FileList) -> DatasetVersion:
    """Make the version visible, and the latest; nothing is written that is there already."""
    line, digest = version.line, version.digest
    try:
        known = find_version(store, line, digest)
        if known is not None:
            read_files(store, known)
    except (Damaged, NotFound):
        store.delete([manifest_key(line, digest)])
        known = None
    if known is None:
        store.put_bytes(files_key(line, digest), seal(listed, FileList))
        try:
            store.put_bytes(manifest_key(line, digest), seal(version, DatasetVersion), if_none_match=True)
        except Conflict:
            known = find_version(store, line, digest)
    if _latest(store, line) != digest:
        store.put_bytes(latest_key(line), seal(Latest(digest), Latest))
    return known or version


def _latest(store: ObjectStore, line: str) -> str | None:
    try:
        return latest_digest(store, line)
    except Damaged:
        return None
