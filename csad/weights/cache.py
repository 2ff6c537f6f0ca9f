"""Mirrored weights on this machine: each content once, whole or not there, however many tasks ask at once."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from csad.common.errors import OS_REMEDIES, WeightsError
from csad.common.hashing import file_sha256
from csad.common.humanize import duration, size

PARTIAL = ".partial"
LOCK = ".lock"
WAITING = 1.0
"""Seconds after which the log says that another task fetches the same file."""
SHARED = 0o666
"""Pods of several users may share a volume."""

_log = logging.getLogger(__name__)


class Source(Protocol):
    """Where files come from, such as `csad.weights.mirror.StoreMirror`."""

    def size(self, name: str, sha256: str) -> int | None:
        """Bytes of the file with a digest; None where there is none."""
        ...

    def complete(self, name: str, sha256: str, path: Path) -> None:
        """Append to a file what it lacks."""
        ...


class WeightsCache:
    """A folder of files that are called like their SHA-256.

    A file is written as SHA256.partial and renamed once its digest is right; what was interrupted is continued by
    whoever asks next. Any number of processes and nodes may share the folder.

    Args:
        root: The folder; created. Where it is read-only, what it holds is used all the same.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def bring(self, name: str, sha256: str, source: Source) -> Path:
        """Have a file at hand.

        Args:
            name: What the weights are called.
            sha256: Digest that the file must have.
            source: Asked where the file is not here.

        Returns:
            The whole and right file.

        Raises:
            WeightsError: The source does not have it or has another, or the folder is full or cannot be written.
            StoreError: The store does not answer.
        """
        path = self._root / sha256
        with self._translated(name):
            if _is_right(path, sha256):
                return path
            self._root.mkdir(parents=True, exist_ok=True)
            with self._alone(name, sha256):
                # Whoever had the lock may have brought it.
                if not _is_right(path, sha256):
                    _remove_damaged(name, path)
                    self._fetch(name, sha256, source, path)
        return path

    def _fetch(self, name: str, sha256: str, source: Source, path: Path) -> None:
        whole = source.size(name, sha256)
        if whole is None:
            raise missing_from_mirror([name])
        partial = path.with_name(path.name + PARTIAL)
        have = partial.stat().st_size if partial.exists() else 0
        self._require_room(name, whole - have)
        started = time.monotonic()
        _log.info("weights %s: fetching %s%s", name, size(whole), f", {size(have)} are here" if have else "")
        try:
            _open_to_others(partial)
            source.complete(name, sha256, partial)
            found = file_sha256(partial)
            if found != sha256 and have:
                _log.warning("weights %s: what an earlier task had fetched was damaged; fetching all of it again", name)
                os.truncate(partial, 0)
                source.complete(name, sha256, partial)
                found = file_sha256(partial)
            if found != sha256:
                partial.unlink()
                raise WeightsError(
                    f"weights {name} changed in the store: the sha256 is {found}, expected {sha256}; find out who "
                    "changed them, remove the object and put the right file there again"
                )
        except OSError:
            # A full disk is not left full: others need it, too.
            partial.unlink(missing_ok=True)
            raise
        _keep(partial, path)
        _log.info("weights %s: fetched in %s", name, duration(time.monotonic() - started))

    def _require_room(self, name: str, needed: int) -> None:
        free = shutil.disk_usage(self._root).free
        if needed > free:
            raise WeightsError(
                f"{self._root} has {size(free)} left and weights {name} need {size(needed)} more; free some space, or "
                "give the volume more"
            )

    @contextmanager
    def _alone(self, name: str, sha256: str) -> Iterator[None]:
        """Keep others from the same file; the system lets go of the lock of a process that ends, however it ends."""
        lock = FileLock(self._root / f"{sha256}{LOCK}", mode=SHARED)
        try:
            try:
                lock.acquire(timeout=WAITING)
            except Timeout:
                _log.info("weights %s: another task fetches them, waiting for it", name)
                lock.acquire()
        except NotImplementedError as error:
            raise WeightsError(
                f"the file system of {self._root} knows no locks, so tasks would write over each other; use another "
                "volume for weights"
            ) from error
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _translated(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            remedy = OS_REMEDIES.get(error.errno or 0, error.strerror or str(error))
            raise WeightsError(
                f"weights {name} cannot be kept at {error.filename or self._root}: {remedy}; the volume must have room "
                "for them and be writable by the user that pods run as"
            ) from error


def missing_from_mirror(names: list[str]) -> WeightsError:
    """Say which weights the store lacks, and the commands that put them there.

    Args:
        names: At least one.
    """
    from csad.weights.catalogue import read_catalogue

    public = {entry.name for entry in read_catalogue() if entry.file}
    listed = [name for name in names if name in public]
    ways = []
    if listed:
        joined = " ".join(listed)
        ways.append(
            f"`csad weights sync {joined}`, or without internet access `csad weights import DIR {joined}`, where "
            "CSAD_STORE_ENDPOINT names this store"
        )
    ways += [f"`csad weights push {name} FILE`" for name in names if name not in public]
    return WeightsError(f"the store has no weights {', '.join(names)}; put them there with {'; and '.join(ways)}")


def _is_right(path: Path, sha256: str) -> bool:
    return path.is_file() and file_sha256(path) == sha256


def _remove_damaged(name: str, path: Path) -> None:
    if path.exists():
        _log.warning("weights %s: %s was damaged on this volume; fetching it again", name, path)
        path.unlink()


def _open_to_others(partial: Path) -> None:
    """Let pods of other users continue a file; whose it is may have done so before."""
    partial.touch()
    with suppress(PermissionError):
        partial.chmod(SHARED)


def _keep(partial: Path, path: Path) -> None:
    """Give a whole file its name, once its bytes are on the disk."""
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    with suppress(PermissionError):
        partial.chmod(0o644)
    partial.rename(path)
