"""The gathering component's work: the results of all shards as one Parquet file."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from csad.batch.merging import Counts, merge
from csad.batch.places import put_results
from csad.batch.plan import Plan, read_plan, results_key
from csad.common.errors import StageError
from csad.runner.files import translate_os_errors
from csad.runner.task import failing_clearly
from csad.store.objects import ObjectStore
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
        summary = gather(plan, [Path(shard) for shard in shards], Path(output))
        address = put_results(store, Path(output), results_key(plan), out)
        _log.info("gathering: %s; %s", summary.headline(), address)
        if summary.unreadable:
            _log.warning("gathering: %d of %d images have no score; their rows say why", summary.unreadable, plan.total)
        return Gathered(address, summary)


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
