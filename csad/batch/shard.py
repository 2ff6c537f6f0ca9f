"""The scoring component's work: the chunks of one shard, those that were scored before taken from the store."""

from __future__ import annotations

import json
import logging
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from csad.batch.finished import LASTING, FinishedRows
from csad.batch.listed import ListedImage
from csad.batch.merging import Counts, merge
from csad.batch.models import opened_model
from csad.batch.parts import fetch_part, keep_part, part_key, write_part
from csad.batch.plan import Plan, read_chunks, read_plan
from csad.batch.scoring import ScoredRows, score_listed
from csad.batch.sources import Sources, is_still
from csad.common.progress import track
from csad.runner.files import translate_os_errors
from csad.runner.shard import Shard
from csad.runner.task import failing_clearly
from csad.store.objects import ObjectStore
from csad.store.settings import StoreSettings

if TYPE_CHECKING:
    from csad.scoring.result_table import Row
    from csad.scoring.scorer import Scorer

NAMED = 10
"""Unreadable images that the log names; each has its row."""

_log = logging.getLogger(__name__)


def run_shard(plan_address: str, shard: str, output: str) -> Counts:
    """Score one shard of a plan into a Parquet file, with the store that the environment names.

    Each chunk is kept in the store when it is done: a repeated task resumes behind it.

    Args:
        plan_address: Address of the plan.
        shard: Such as 2/3, the second of three.
        output: File to write.

    Raises:
        SystemExit: It failed for a reason that a user can put right; its message is the exit status.
    """
    with failing_clearly("scoring"), translate_os_errors(Path(output)):
        part = Shard.parse(shard)
        store = ObjectStore.connect(StoreSettings.from_environment())
        counts = score_shard(store, read_plan(store, plan_address), part, Path(output))
        _log.info("scoring: shard %s: %s", shard, counts.headline())
        return counts


def score_shard(store: ObjectStore, plan: Plan, shard: Shard, output: Path) -> Counts:
    """Score one shard of a plan.

    Raises:
        CsadError: The store does not answer, or the model cannot be loaded.
        OSError: A file cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="csad-shard-") as folder, ExitStack() as held:
        work = _Work(store, plan, Path(folder), held)
        indices = plan.chunks_of(shard)
        chunks = zip(indices, read_chunks(store, plan, indices), strict=True)
        for index, images in track(chunks, f"Scoring shard {shard.number}/{shard.of}", total=len(indices)):
            work.do(index, images)
        work.say()
        metadata = {**plan.metadata(), LASTING: json.dumps(work.lasting)}
        return merge(work.files, output, metadata, work.reused, work.changed)


class _Work:
    """The chunks of a shard, one after the other; the model is loaded when the first image has to be scored."""

    def __init__(self, store: ObjectStore, plan: Plan, folder: Path, held: ExitStack) -> None:
        self._store, self._plan, self._folder, self._held = store, plan, folder, held
        self._sources = Sources(store.settings)
        self._scorer: Scorer | None = None
        self._finished = FinishedRows(store, plan, folder)
        self._unreadable = 0
        self.files: list[Path] = []
        self.lasting: dict[int, str] = {}
        self.reused = self.changed = 0

    def do(self, index: int, images: list[ListedImage]) -> None:
        """Have the rows of a chunk in a file."""
        key = part_key(self._plan, self._plan.chunks[index])
        file = self._folder / f"{index}.parquet"
        self.files.append(file)
        if fetch_part(self._store, self._plan, key, images, file) or self._finished.fetch(key, images, file):
            self.lasting[index] = key
            self.reused += len(images)
            return
        scored = self._score(images)
        write_part(scored.rows, self._plan.metadata(), key, file)
        if scored.lasting:
            keep_part(self._store, self._plan, key, file)
            self.lasting[index] = key
        self.changed += scored.changed
        self._name(scored.rows)

    def say(self) -> None:
        """Say once what is unusual."""
        if self.reused:
            _log.info("scoring: %d images are scored already", self.reused)
        if self._unreadable > NAMED:
            _log.warning("scoring: %d more images could not be scored; their rows say why", self._unreadable - NAMED)
        if self.changed:
            _log.warning(
                "scoring: %d images changed after they were listed; scored as they are now, and again by the next run",
                self.changed,
            )

    def _score(self, images: list[ListedImage]) -> ScoredRows:
        if self._scorer is None:
            self._scorer = self._held.enter_context(opened_model(self._store, self._plan))
        return score_listed(self._scorer, images, self._read)

    def _read(self, image: ListedImage) -> tuple[bytes | None, bool]:
        content, mark = self._sources.read(image.name)
        return content, is_still(image, mark, content)

    def _name(self, rows: list[Row]) -> None:
        for row in rows:
            if row.get("error") is not None:
                self._unreadable += 1
                if self._unreadable <= NAMED:
                    _log.warning("scoring: could not be scored: %s", row["error"])
