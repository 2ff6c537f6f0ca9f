"""The gathering component's work: the results of all shards as one Parquet file."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from csad.batch.cleaning import prune_chunks, remove_chunks
from csad.batch.finished import lasting_chunks, put_finished
from csad.batch.merging import Counts, merge
from csad.batch.places import put_results
from csad.batch.plan import Plan, read_plan, results_key
from csad.common.errors import StageError, StoreError
from csad.common.hashing import file_sha256
from csad.common.humanize import plural
from csad.runner.files import translate_os_errors
from csad.runner.task import failing_clearly
from csad.store.objects import ObjectStore
from csad.store.prune import KEPT_DAYS
from csad.store.settings import StoreSettings

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BatchSummary(Counts):
    """What became of a batch.

    Attributes:
        duplicates: Names that the list repeats.
        missing: Names of the list that are not there, among the unreadable ones.
        ignored: Files that are no images.
    """

    duplicates: int = 0
    missing: int = 0
    ignored: int = 0


@dataclass(frozen=True)
class Gathered:
    """A finished batch.

    Attributes:
        address: Where the results are in the store.
        summary: What became of the images.
    """

    address: str
    summary: BatchSummary


def run_gathering(plan_address: str, out: str, shards: Sequence[str], output: str) -> Gathered:
    """Write the results of all shards into one file, and into the store that the environment names.

    Args:
        plan_address: Address of the plan.
        out: s3://BUCKET/KEY.parquet; "" for csad's own store.
        shards: Results of the shards, in any order.
        output: File to write.

    Raises:
        SystemExit: It failed for a reason that a user can put right; its message is the exit status.
    """
    with failing_clearly("gathering"), translate_os_errors(Path(output)):
        store = ObjectStore.connect(StoreSettings.from_environment())
        plan = read_plan(store, plan_address)
        return finish(store, plan, [Path(shard) for shard in shards], Path(output), out)


def finish(store: ObjectStore, plan: Plan, shards: Sequence[Path], output: Path, out: str) -> Gathered:
    """Merge and store the results of all shards, and remove from the store what they make needless.

    Args:
        store: csad's own store.
        plan: The batch.
        shards: Results of the shards, in any order.
        output: File to write.
        out: s3://BUCKET/KEY.parquet; "" for csad's own store.

    Raises:
        StageError: The shards do not fit the plan.
        StoreError: The store refuses or does not answer before the results are in it.
        OSError: A file cannot be read or written.
    """
    summary = gather(plan, shards, output)
    lasting = lasting_chunks(shards)
    address = put_results(store, output, results_key(plan), out)
    _log.info("gathering: %s; %s", summary.headline(), address)
    if summary.unreadable:
        _log.warning("gathering: %d of %d images have no score; their rows say why", summary.unreadable, plan.total)
    _clean(store, plan, address, file_sha256(output), lasting)
    return Gathered(address, summary)


def _clean(store: ObjectStore, plan: Plan, address: str, sha256: str, lasting: Mapping[int, str]) -> None:
    """Remove the chunks that the results hold, and old ones; a store that refuses this does not fail the batch.

    First the record: whoever needs rows finds them in the chunks, in the results, or in both.
    """
    try:
        put_finished(store, plan, address, sha256, lasting)
        removed = remove_chunks(store, plan.line, frozenset(lasting.values()))
        old = prune_chunks(store, plan.line)
    except StoreError as error:
        _log.warning("gathering: the results stand, but chunks stay in the store; the next run removes them: %s", error)
        return
    _log.info("gathering: removed %s that the results hold", plural(removed.files, "kept chunk"))
    if old.files:
        _log.info(
            "gathering: removed %s of batches that did not finish for %d days", plural(old.files, "chunk"), KEPT_DAYS
        )


def gather(plan: Plan, shards: Sequence[Path], output: Path) -> BatchSummary:
    """Merge the results of all shards of a plan.

    Raises:
        StageError: Rows are missing or there twice, or a file is none of a shard.
        OSError: A file cannot be read or written.
    """
    found = [Counts.read(shard) for shard in shards]
    reused, changed = sum(counts.reused for counts in found), sum(counts.changed for counts in found)
    counts = merge(shards, output, plan.metadata(), reused, changed)
    if counts.images != plan.total:
        output.unlink(missing_ok=True)
        raise StageError(
            f"the shards hold {counts.images} rows, the batch has {plan.total} images; run it again: what is scored "
            "is not scored twice"
        )
    unused = sum(plan.ignored.values())
    return BatchSummary(**asdict(counts), duplicates=plan.duplicates, missing=plan.missing, ignored=unused)
