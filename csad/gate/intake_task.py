"""The ingest component's work: find out which data a run is of, whether that run is needed, and check the data once.

On a cluster this is the one task that is never cached. What it hands on are parameters, which are equal for equal data,
so everything behind it is: addresses of packed images in the store, named by their content, and the line reduced to
what each stage reads, with the digests of the weights that it reads.
"""

import json
import logging
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from csad.common import atomic
from csad.common.errors import StoreError
from csad.common.hashing import json_sha256
from csad.common.humanize import plural, size
from csad.config.line import ProductLine
from csad.gate.run_weights import pin_weights
from csad.gate.unchanged import origin_of, why_unchanged
from csad.images.registered import FILE as REGISTRATION
from csad.runner.artifact_metadata import describe, origin_metadata
from csad.runner.code import code_version, package_versions
from csad.runner.data_source import STORED, resolve_uri
from csad.runner.needed_weights import warn_of_idle_pins
from csad.runner.packed import pack_files, pack_folder
from csad.runner.reduced_line import reduced_line
from csad.runner.snapshot import FILE as SNAPSHOT
from csad.runner.snapshot import Snapshot
from csad.runner.stage import Stage
from csad.runner.stage_order import after
from csad.runner.task import STORE_VARIABLE, Figures, failing_clearly, run_task
from csad.stages import ingest, masks, tagging
from csad.stages.ingest import IngestSummary
from csad.stages.order import STAGES
from csad.store.data_source import exact_address
from csad.store.objects import ObjectStore
from csad.store.packed_sets import KnownSet, find_known, put_known, put_packed
from csad.store.prune import KEPT_DAYS, prune_packed_sets
from csad.store.settings import StoreSettings

STAGES_OF_TASKS: Mapping[str, tuple[Stage[Any], ...]] = {
    name: (STAGES[name], tagging.STAGE) if name == masks.STAGE.name else (STAGES[name],)
    for name in after(ingest.STAGE.name)
}
"""What each task behind this one runs; `masks` names the prompts itself where no model has to be asked."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Intake:
    """What the rest of a run is told.

    Attributes:
        changed: Whether there is anything to do.
        said: Which data, and why nothing is to be done, in a sentence.
        training_images: Address of the train and validation images.
        images: Address of all images.
        origin: Digest of all that the run depends on.
        lines: By task, the line reduced to what it reads.
        name: Name of the product line.
        summary: Summary of the data; None where they were not looked at.
    """

    changed: bool
    said: str
    training_images: str
    images: str
    origin: str
    lines: Mapping[str, str]
    name: str
    summary: IngestSummary | None = None

    def record(self, metrics: Figures) -> None:
        """Log the figures, of which a run without work has none, and say beside them what the run is of."""
        if self.summary is None:
            atomic.write_text(Path(metrics.path), "{}\n")
        else:
            self.summary.log_to(metrics, metrics.path)
        data = self.summary.digest if self.summary else ""
        describe(
            {**origin_metadata(self.name, data, ingest.STAGE.run.__module__, self.origin), "stage": "ingest"}, metrics
        )


def run_intake(line_yaml: str, data_uri: str, seed: int, force: bool) -> Intake:
    """Resolve the data, compare the run with the last one, and check the data where nobody did.

    Args:
        line_yaml: The product line, as text.
        data_uri: store://LINE, store://LINE@DIGEST, or a folder.
        seed: Random seed of the run.
        force: Do the work although its end is known.

    Raises:
        SystemExit: It failed for a reason that a user can put right; its message is the exit status.
    """
    if os.environ.get(STORE_VARIABLE):
        return _here(line_yaml, data_uri, seed)
    with failing_clearly("ingest"):
        line = ProductLine.from_yaml(line_yaml)
        store = ObjectStore.connect(StoreSettings.from_environment())
        line = pin_weights(store, line)
        exact = exact_address(store, data_uri) if data_uri.startswith(STORED) else data_uri
        # A folder's content is known only once it was read; a version in the store is named by it.
        known = None if exact.startswith(STORED) else _check_folder(store, line, exact)
        origin = origin_of(line, known.whole if known else exact, seed)
        why = None if force else why_unchanged(store, line, origin)
        if why:
            said = f"nothing to do for {exact}: {why}"
            _log.info("ingest: %s", said)
            return Intake(False, said, "", "", origin, dict.fromkeys(STAGES_OF_TASKS, ""), line.name)
        known = known or _known_or_checked(store, line, exact)
        _prune(store, line.name)
        summary = IngestSummary(**json.loads(known.summary))
        _log.info("ingest: %s", summary.headline())
        return Intake(True, summary.headline(), known.training, known.whole, origin, _lines(line), line.name, summary)


def _here(line_yaml: str, data_uri: str, seed: int) -> Intake:
    """In a local run the stages themselves are kept, so their folders are the addresses."""
    done = run_task(ingest.STAGE, line_yaml, 0, "", data=data_uri)
    line = ProductLine.from_yaml(line_yaml)
    warn_of_idle_pins(line)
    origin = origin_of(line, done.summary.digest, seed)
    return Intake(
        True, done.summary.headline(), done.folder, done.folder, origin, _lines(line), line.name, done.summary
    )


def _lines(line: ProductLine) -> dict[str, str]:
    return {task: reduced_line(line, *stages) for task, stages in STAGES_OF_TASKS.items()}


def _known_or_checked(store: ObjectStore, line: ProductLine, exact: str) -> KnownSet:
    module = ingest.STAGE.run.__module__
    parts = [exact, line.section_digest(*ingest.STAGE.sections), code_version(module), dict(package_versions(module))]
    key = json_sha256(parts)
    known = find_known(store, line.name, key)
    if known is None:
        known = _check(store, line, exact)
    else:
        _log.info("ingest: these images were checked by an earlier run")
    put_known(store, line.name, key, known)  # each time: its age is that of the last use
    return known


def _check_folder(store: ObjectStore, line: ProductLine, folder: str) -> KnownSet:
    """A folder is read each time; its record only says when its images were used last."""
    known = _check(store, line, folder)
    put_known(store, line.name, json_sha256(known.whole), known)
    return known


def _prune(store: ObjectStore, line: str) -> None:
    """Remove what no run has used for long; a store that refuses this does not keep a run from its work."""
    try:
        pruned = prune_packed_sets(store, line)
    except StoreError as error:
        _log.warning("ingest: old packed images stay in the store: %s", error)
        return
    if pruned.files:
        what = plural(pruned.files, "packed image set")
        _log.info("ingest: removed %s (%s) that no run has used for %d days", what, size(pruned.bytes), KEPT_DAYS)


def _check(store: ObjectStore, line: ProductLine, address: str) -> KnownSet:
    with tempfile.TemporaryDirectory(prefix="csad-ingest-") as temporary, resolve_uri(address) as data:
        folder = Path(temporary) / "images"
        summary = ingest.STAGE.execute(line, 0, folder, {"data": data})
        whole = Path(temporary) / "whole.tar"
        pack_folder(folder, whole)
        training = Path(temporary) / "training.tar"
        pack_training(folder, training)
        return KnownSet(
            training=put_packed(store, line.name, training),
            whole=put_packed(store, line.name, whole),
            summary=json.dumps(asdict(summary)),
        )


def pack_training(folder: Path, file: Path) -> None:
    """Pack what trains and calibrates: other test images leave every byte of it as it is."""
    snapshot = Snapshot.find(folder)
    assert snapshot is not None  # ingest has just written it
    parts = [path for split in ("train", "validation") for path in (folder / split).rglob("*") if path.is_file()]
    with tempfile.TemporaryDirectory(prefix="csad-ingest-") as temporary:
        snapshot.of_training().write(Path(temporary))
        files = {path.relative_to(folder).as_posix(): path for path in parts}
        if snapshot.registration:
            files[REGISTRATION] = folder / REGISTRATION
        pack_files(files | {SNAPSHOT: Path(temporary) / SNAPSHOT}, file)
