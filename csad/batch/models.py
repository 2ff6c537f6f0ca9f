"""The registered model that scores a batch."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from csad.batch.plan import Model, Plan
from csad.common.errors import ModelFolderError, StoreError
from csad.scoring.model_files import MANIFEST
from csad.store.champion import read_champion
from csad.store.objects import ObjectStore
from csad.store.registry import MODEL, fetch_file, fetch_model, list_models

if TYPE_CHECKING:
    from csad.scoring.scorer import Scorer

LATEST = "latest"

_log = logging.getLogger(__name__)


def choose_model(store: ObjectStore, line: str, version: str) -> Model:
    """Find a model in the registry.

    Args:
        store: Where.
        line: Product line.
        version: A version, "latest" for the one that was registered last, or "" for the one in service.

    Raises:
        StoreError: There is none, or it is damaged.
    """
    chosen = _version(store, line, version)
    with tempfile.TemporaryDirectory(prefix="csad-model-") as folder:
        file = Path(folder) / MANIFEST
        fetch_file(store, line, chosen, MODEL + MANIFEST, file)
        manifest = json.loads(file.read_bytes())
    return Model(chosen, manifest["checksum"], manifest["snapshot"])


@contextmanager
def opened_model(store: ObjectStore, plan: Plan) -> Iterator[Scorer]:
    """Fetch and load the model of a plan.

    Raises:
        StoreError: It is not in the store any more.
        ModelFolderError: It is not the model that the plan names.
        RuntimeRefused: No runtime computes it.
        DeviceError: The device that is asked for is not there.
    """
    from csad.compute.malloc import tune_malloc
    from csad.scoring.runtimes.choice import device_for
    from csad.scoring.runtimes.names import wanted_runtime
    from csad.scoring.scorer import Scorer

    with tempfile.TemporaryDirectory(prefix="csad-model-") as folder:
        fetch_model(store, plan.line, plan.model.version, Path(folder))
        tune_malloc()
        wanted = wanted_runtime()
        scorer = Scorer.load(Path(folder), device_for(wanted, None), wanted)
        if scorer.manifest.checksum != plan.model.checksum:
            raise ModelFolderError(
                f"version {plan.model.version} of line {plan.line} has checksum {scorer.manifest.checksum[:12]} now, "
                f"the run began with {plan.model.checksum[:12]}; start the run again"
            )
        _log.info("scoring: version %s, computed by %s", plan.model.version, scorer.runtime.described())
        yield scorer


def _version(store: ObjectStore, line: str, version: str) -> str:
    if version == LATEST:
        registered = list_models(store, line)
        if not registered:
            raise StoreError(
                f"line {line} has no model in the store at {store.settings.url}; its pipeline registers them"
            )
        return registered[-1].version
    if version:
        return version
    champion = read_champion(store, line)
    if champion is None:
        raise StoreError(
            f"line {line} has no model in service; name a version of `csad models list {line}`, or take the one that "
            "was registered last: --version latest"
        )
    return champion.version
