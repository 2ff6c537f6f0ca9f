"""Runs stages one after another, keeps what is finished, and resumes where an interrupted run stopped."""

import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from csad.common.file_stamp import FileStamp
from csad.common.humanize import duration
from csad.config.line import ProductLine
from csad.runner.file_digests import FileDigests
from csad.runner.files import translate_os_errors
from csad.runner.lock import exclusive
from csad.runner.needed_weights import require_pinned
from csad.runner.stage import NO_OPTIONS, Options, Stage, StageRecord
from csad.runner.stage_folders import PARTIAL, folder_name, is_ours
from csad.runner.summary import Summary

S = TypeVar("S", bound=Summary)
DIGESTS = "weights.json"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StageResult(Generic[S]):
    """A finished stage.

    Attributes:
        folder: Its output.
        summary: What it had to say.
        reused: It had been finished by an earlier run.
    """

    folder: Path
    summary: S
    reused: bool


class StageRunner:
    """Folders of finished stages under one root, named `<stage>-<key>`.

    A stage works in `<stage>-<key>.partial`, which is renamed when it is done: a folder without that ending is whole.
    Beside them `weights.json` remembers the digests of published weights.
    """

    def __init__(self, root: Path, line: ProductLine, seed: int) -> None:
        self.root = root
        self.line = line
        self.seed = seed
        self._digests = FileDigests(root / DIGESTS)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Keep other runs out of the root.

        Raises:
            StageError: Another run works there, or the root cannot be written.
        """
        with translate_os_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            with exclusive(self.root):
                yield

    def run(self, stage: Stage[S], options: Options = NO_OPTIONS, **inputs: Path) -> StageResult[S]:
        """Run a stage, or reuse its finished folder where neither that nor what it depends on has changed.

        Args:
            stage: The stage.
            options: Numbers that it takes beside its inputs.
            **inputs: Folders that it reads, by the names that its function gives them.

        Raises:
            CsadError: Whatever the stage raises; StageError where its folder cannot be written.
        """
        state = stage.raw_state(inputs, self.root)
        require_pinned(stage.name, self.line, self._digests.of)
        key = stage.key(self.line, self.seed, inputs, options, self._digests.of)
        folder = self.root / folder_name(stage.name, key)
        record = StageRecord.find(folder)
        if record and record.key == key:
            damage = record.find_damage(folder)
            if damage is None:
                _log.info("%s: unchanged, reused", stage.name)
                _mark_used(folder)
                return StageResult(folder, record.summary_as(stage), reused=True)
            _log.warning("%s: %s in %s since it was finished; it runs again", stage.name, damage, folder)
        with translate_os_errors(folder):
            return self._run(stage, key, folder, inputs, options, state)

    def _run(
        self,
        stage: Stage[S],
        key: str,
        folder: Path,
        inputs: dict[str, Path],
        options: Options,
        state: Mapping[Path, FileStamp],
    ) -> StageResult[S]:
        partial = folder.with_name(folder.name + PARTIAL)
        if partial.exists() and stage.resumable:
            _log.info("%s: resumes where it was interrupted", stage.name)
        else:
            shutil.rmtree(partial, ignore_errors=True)
        started = time.monotonic()
        summary = stage.execute(self.line, self.seed, partial, inputs, options)
        seconds = time.monotonic() - started
        if stage.raw_state(inputs, self.root) != state:
            _log.warning("%s: its input was written to meanwhile; the next run takes it in again", stage.name)
            key = ""  # what was taken in is not what the key was made of
        StageRecord.of(stage, key, seconds, summary).with_origin(partial, inputs).write(partial)
        shutil.rmtree(folder, ignore_errors=True)
        _mark_used(partial)
        partial.rename(folder)
        _log.info("%s: %s (%s)", stage.name, summary.headline(), duration(seconds))
        return StageResult(folder, summary, reused=False)

    def prune(self, since: float) -> None:
        """Remove what no run used since a time: results of earlier data, settings and code, and nothing else.

        Args:
            since: Time at which the run began, as of `time.time()`.
        """
        for folder in self.root.iterdir():
            if is_ours(folder.name) and folder.is_dir() and folder.stat().st_mtime < since:
                shutil.rmtree(folder, ignore_errors=True)


def _mark_used(folder: Path) -> None:
    """Set the folder's time by this machine's clock, whatever the file server's says."""
    now = time.time()
    os.utime(folder, (now, now))
