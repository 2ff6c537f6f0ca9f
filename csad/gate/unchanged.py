"""Whether a run would end where the last one ended: same data, same line, same seed, same code."""

from csad.common.hashing import json_sha256
from csad.config.line import ProductLine
from csad.runner.code import code_version, package_versions
from csad.store.champion import read_champion
from csad.store.objects import ObjectStore
from csad.store.outcome import Deployed, read_deployed, read_outcome

ENDS = ("csad.stages.training", "csad.packaging.release")
"""Modules from which all code can be reached that a run's result depends on."""


def origin_of(line: ProductLine, data: str, seed: int) -> str:
    """SHA-256 over all that a run's result depends on, but for the model that it is compared with.

    Args:
        line: Product line.
        data: The resolved address of the images, or their digest.
        seed: Random seed of the run.
    """
    parts = {
        "data": data,
        "line": line.digest(),
        "gate": line.section_digest("gate"),
        "seed": seed,
        "code": [code_version(module) for module in ENDS],
        "packages": [dict(package_versions(module)) for module in ENDS],
    }
    return json_sha256(parts)


def deployed_as(line: ProductLine, version: str) -> Deployed:
    """Describe a version that is served as the line says."""
    return Deployed(version, line.section_digest("deployment"))


def why_unchanged(store: ObjectStore, line: ProductLine, origin: str) -> str | None:
    """Say why a run has nothing to do; None where it has.

    Args:
        store: Where the last run's end is on record.
        line: Product line.
        origin: Origin of the run.

    Raises:
        StoreError: A record is damaged, or the store does not answer.
    """
    last = read_outcome(store, line.name)
    if last is None or last.origin != origin:
        return None
    champion = read_champion(store, line.name)
    now = champion.version if champion else None
    if last.version is None:
        same = now == last.against
        return f"the gate refused the same data, line and code before: {last.reason}" if same else None
    if now == last.version:
        served = not line.schedule.deploy or read_deployed(store, line.name) == deployed_as(line, last.version)
        return f"version {now}, of the same data, line and code, is in service" if served else None
    if now == last.against and not line.schedule.deploy:
        return f"version {last.version}, of the same data, line and code, waits for somebody to promote it"
    return None
