"""A folder that a camera writes to: every image is scored once, whole, even when the service comes and goes."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from csad.common.errors import ImageError, ServingError
from csad.common.file_stamp import FileStamp
from csad.common.hashing import bytes_sha256
from csad.common.printable import printable
from csad.images import decode_rgb
from csad.images.layout import is_ground_truth
from csad.images.walking import say_ignored, walk
from csad.scoring.loop import Failure
from csad.serving.client import ImageRefused, ScoringClient, ServerAway, ServiceFailed
from csad.serving.ledger import Ledger, Seen

LONGEST_PAUSE = 30.0
FAILURES = 5
"""Failures of the service at the same file after which the others come first."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pace:
    """How long a watcher waits.

    Attributes:
        interval: Seconds between two looks at the folder.
        settle: Seconds that a file must not have changed before it is read.
        patience: Seconds that an unreadable file must not have changed before it is given up: a slow writer.
        retry: Seconds until a file at which the service kept failing is tried again.
        give_up: Seconds without a result, beyond those for slow writers, after which `run_once` leaves the rest.
    """

    interval: float = 1.0
    settle: float = 1.0
    patience: float = 30.0
    retry: float = 300.0
    give_up: float = 120.0


@dataclass
class _Resting:
    """A file in one state.

    Attributes:
        seen: Its state.
        since: When it was first seen so.
        failures: Failures of the service at it.
        retry: When it is tried again.
    """

    seen: Seen
    since: float
    failures: int = 0
    retry: float = 0.0


class FolderWatcher:
    """Scores what appears in a folder.

    Args:
        folder: Watched with its subfolders, linked ones too; hidden files are left alone.
        client: The service.
        ledger: What is done.
        pace: How long to wait.
        report: Told of every recorded image.
        own: Files that are written into the folder and are not somebody else's.
    """

    def __init__(
        self,
        folder: Path,
        client: ScoringClient,
        ledger: Ledger,
        pace: Pace,
        report: Callable[[str, dict[str, Any]], None],
        own: Collection[Path] = (),
    ) -> None:
        self._folder = folder
        self._client = client
        self._ledger = ledger
        self._pace = pace
        self._report = report
        self._resting: dict[str, _Resting] = {}
        self._stop = threading.Event()
        self._away = False
        self._deadline = math.inf
        self._trouble = ""
        self._unlisted: dict[str, str] = {}
        self._own = tuple(own)
        self._ignored: set[str] = set()

    def stop(self) -> None:
        """End after the image that is being scored."""
        self._stop.set()

    def run(self) -> None:
        """Watch until stopped.

        Raises:
            ServingError: A wrong address or token.
        """
        while not self._stop.is_set():
            self.look()
            self._stop.wait(self._pace.interval)

    def run_once(self) -> None:
        """Score what is there now, waiting for unfinished files, then end.

        Raises:
            ServingError: A wrong address or token, files that are left because nothing went on, or a folder that
                cannot be listed.
        """
        self._extend_deadline()
        while (left := self.look()) and not self._stop.is_set():
            if time.monotonic() >= self._deadline:
                trouble = f": {self._trouble}" if self._trouble else ""
                raise ServingError(f"{left} files are left that could not be scored{trouble}; run it again later")
            self._stop.wait(self._pace.interval)
        for place, reason in self._unlisted.items():
            raise ServingError(f"{place} cannot be listed: {reason}; what is in it was not scored")

    def look(self) -> int:
        """Score the files that have come to rest, oldest first.

        Returns:
            Files that are not done yet.
        """
        waiting = 0
        present: dict[str, _Resting] = {}
        for path, seen in self._new_files():
            if self._stop.is_set():
                break
            now = time.monotonic()
            before = self._resting.get(seen.file)
            resting = before if before and before.seen == seen else _Resting(seen, now)
            present[seen.file] = resting
            later = now - resting.since < self._pace.settle or now < resting.retry or now >= self._deadline
            if later or not self._score(path, resting):
                waiting += 1
        self._resting = present
        return waiting

    def _new_files(self) -> Iterator[tuple[Path, Seen]]:
        found = []
        unlisted: dict[str, str] = {}

        def missed(error: OSError) -> None:
            unlisted[str(error.filename)] = error.strerror or str(error)

        listed = walk(self._folder, leave_out=is_ground_truth, own=self._own, unlisted=missed)
        for path in listed.images:
            stamp = FileStamp.find(path)
            if stamp is None:
                # Or it was moved away between the listing and now.
                listed.ignored["link to nothing"] += path.is_symlink()
                continue
            seen = Seen(path.relative_to(self._folder).as_posix(), stamp)
            if seen not in self._ledger:
                found.append((path, seen))
        self._tell_ignored(+listed.ignored)
        self._tell_unlisted(unlisted)
        yield from sorted(found, key=lambda item: (item[1].stamp.modified, item[1].file))

    def _tell_unlisted(self, unlisted: dict[str, str]) -> None:
        """Say once which folders cannot be listed, and once that all can again."""
        for place in unlisted.keys() - self._unlisted.keys():
            _log.warning("%s cannot be listed: %s; looking again until it can", place, unlisted[place])
        if self._unlisted and not unlisted:
            _log.info("everything in %s can be listed again", self._folder)
        self._unlisted = unlisted

    def _tell_ignored(self, ignored: Counter[str]) -> None:
        """Say what is left out, and again when there is a reason that was not named yet."""
        if ignored.keys() - self._ignored:
            self._ignored |= ignored.keys()
            _log.warning("%s: %s", printable(self._folder), say_ignored(ignored))

    def _score(self, path: Path, resting: _Resting) -> bool:
        """Score one file at rest; False when it is to be looked at again."""
        seen = resting.seen
        try:
            content = path.read_bytes()
            unchanged = FileStamp.of(path) == seen.stamp and len(content) == seen.stamp.size
        except OSError as error:
            self._trouble = f"{path} cannot be read yet: {error.strerror or error}"
            _log.warning("%s", self._trouble)
            return False
        if not unchanged:
            return False
        sha256 = bytes_sha256(content)
        if self._ledger.holds_still(seen, sha256):
            return True
        try:
            decode_rgb(content, seen.file)
        except ImageError as error:
            if time.monotonic() - resting.since < self._pace.patience:
                return False
            self._record(seen, sha256, Failure(seen.file, error))
            return True
        try:
            self._record(seen, sha256, self._ask(content, resting))
        except _NotNow:
            return False
        return True

    def _ask(self, content: bytes, resting: _Resting) -> dict[str, Any] | Failure[str]:
        """Ask the service until it answers, or has failed at this file too often.

        Raises:
            _NotNow: The file is to be tried later.
        """
        pause = self._pace.interval
        while True:
            try:
                answer = self._client.score(content, resting.seen.file)
            except ImageRefused as error:
                return Failure(resting.seen.file, error)
            except ServerAway as error:
                self._trouble = str(error)
                if isinstance(error, ServiceFailed):
                    self._count_failure(resting, error)
                if not self._away:
                    _log.warning("%s; trying again until it does", error)
                self._away = True
                wait = min(error.seconds or pause, LONGEST_PAUSE, max(0.0, self._deadline - time.monotonic()))
                if self._stop.wait(wait) or time.monotonic() >= self._deadline:
                    raise _NotNow from None
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                if self._away:
                    _log.info("the service answers again")
                self._away = False
                return answer

    def _count_failure(self, resting: _Resting, error: ServiceFailed) -> None:
        """Put a file off at which the service failed too often: it may be the image's doing, and others wait.

        Raises:
            _NotNow: It is put off.
        """
        resting.failures += 1
        if resting.failures >= FAILURES:
            resting.retry = time.monotonic() + self._pace.retry
            _log.warning("%s at %s %d times; others come first", error, resting.seen.file, resting.failures)
            raise _NotNow from None

    def _extend_deadline(self) -> None:
        pace = self._pace
        self._deadline = time.monotonic() + pace.settle + pace.patience + pace.give_up

    def _record(self, seen: Seen, sha256: str, outcome: dict[str, Any] | Failure[str]) -> None:
        answer = {"error": str(outcome.error)} if isinstance(outcome, Failure) else outcome
        result = {"scored": datetime.now(UTC).isoformat(timespec="milliseconds"), **answer}
        self._ledger.add(seen, sha256, result)
        if self._deadline != math.inf:
            self._extend_deadline()
        self._report(seen.file, result)


class _NotNow(Exception):  # noqa: N818 - not an error
    """A file is left for a later look, or for the next start."""
