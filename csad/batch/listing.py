"""The listing component's work: which images, which model, and nothing decoded yet."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass

from csad.batch.listed import Listing
from csad.batch.models import choose_model
from csad.batch.places import require_replaceable
from csad.batch.plan import Plan, put_plan
from csad.batch.sources import Sources
from csad.common.humanize import plural
from csad.common.printable import printable
from csad.images.walking import say_ignored
from csad.runner.summary import Summary
from csad.runner.task import failing_clearly
from csad.store.names import check_line
from csad.store.objects import ObjectStore
from csad.store.settings import StoreSettings

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ListingSummary(Summary):
    """What is to be scored.

    Attributes:
        images: Images, each once.
        duplicates: Names that the list repeats.
        missing: Names of the list that are not there; their rows say so.
        ignored: Files that are no images.
        chunks: Parts that the images are divided into.
    """

    images: int
    duplicates: int
    missing: int
    ignored: int
    chunks: int


@dataclass(frozen=True)
class Listed:
    """What the other tasks of a batch are told.

    Attributes:
        plan: Address of the plan.
        said: Which images and which model, in a sentence.
        summary: The figures.
    """

    plan: str
    said: str
    summary: ListingSummary


def run_listing(line: str, images: str, version: str, out: str) -> Listed:
    """List images, choose the model and store the plan in the store that the environment names.

    Args:
        line: Product line.
        images: Folder, s3://BUCKET/PREFIX/, or a list.
        version: Version of the model, "latest", or "" for the one in service.
        out: s3://BUCKET/KEY.parquet for the results; "" for csad's own store.

    Raises:
        SystemExit: It failed for a reason that a user can put right; its message is the exit status.
    """
    with failing_clearly("listing"):
        check_line(line)
        store = ObjectStore.connect(StoreSettings.from_environment())
        model = choose_model(store, line, version)
        listing = Sources(store.settings).list(images)
        if out:
            require_replaceable(store, out, listing.source)
        address, plan = put_plan(store, line, model, listing)
        summary = ListingSummary(
            plan.total, plan.duplicates, plan.missing, sum(listing.ignored.values()), len(plan.chunks)
        )
        said = _said(plan, listing)
        _log.info("listing: %s", said)
        return Listed(address, said, summary)


def _said(plan: Plan, listing: Listing) -> str:
    parts = [f"{plural(plan.total, 'image')} of {printable(plan.source)} for version {plan.model.version}"]
    if plan.duplicates:
        parts.append(f"{plural(plan.duplicates, 'name')} repeated in the list, scored once")
    if plan.missing:
        parts.append(f"{plural(plan.missing, 'name')} of the list not there")
    if listing.ignored:
        parts.append(say_ignored(Counter(listing.ignored)))
    return "; ".join(parts)
