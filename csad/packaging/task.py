"""The packaging component's work: package an accepted model and register it in the store, fail with one message."""

import logging
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from csad.common.commit import code_commit
from csad.common.errors import DeploymentError
from csad.common.humanize import size
from csad.config.line import ProductLine
from csad.gate.decision import GATE_FILE, GATE_PAGE, GateDecision, read_decision
from csad.gate.gate import read_known
from csad.packaging.archive_smoke import choose_images, smoke_test_of
from csad.packaging.known_versions import find_packaged
from csad.packaging.packaging import BENTO_FILE, package
from csad.packaging.provenance import Provenance, read_score_kinds, read_scores
from csad.runner.data_source import resolve_uri
from csad.runner.snapshot import open_snapshot
from csad.runner.task import failing_clearly
from csad.scoring.model_folder import Manifest, read_manifest
from csad.scoring.scorer import Scorer
from csad.stages.evaluation import FIGURES
from csad.store.objects import ObjectStore
from csad.store.outcome import Outcome, write_outcome
from csad.store.registry import ModelVersion, register_model
from csad.store.settings import StoreSettings

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Artifacts:
    """What earlier tasks made.

    Attributes:
        images: Output of `ingest`.
        model: Output of `statistics`.
        evaluation: Output of `evaluation`.
        gate: Output of `gate`.
    """

    images: str
    model: str
    evaluation: str
    gate: str


def run_packaging(line_yaml: str, seed: int, origin: str, artifacts: Artifacts) -> str:
    """Package and register a model in the store that the environment names; one that the gate refused is left alone.

    Args:
        line_yaml: The product line, as text.
        seed: Random seed of the run.
        origin: Digest of what the run is of: it is recorded with how the run ends.
        artifacts: What earlier tasks made; the images by their address.

    Returns:
        The version; "" where the gate refused.

    Raises:
        SystemExit: It failed for a reason that a user can put right; its message is the exit status.
    """
    with failing_clearly("packaging"):
        line = ProductLine.from_yaml(line_yaml)
        store = ObjectStore.connect(StoreSettings.from_environment())
        decision = read_decision(Path(artifacts.gate))
        version = None
        if decision.accepted:
            with resolve_uri(artifacts.images) as images:
                there = replace(artifacts, images=str(images))
                version = package_and_register(store, line, code_commit(), seed, there).version
        else:
            _log.info("packaging: nothing to pack, the gate refused the model: %s", decision.reason)
        write_outcome(store, line.name, Outcome(origin, decision.against, version, decision.reason))
        return version or ""


def package_and_register(
    store: ObjectStore, line: ProductLine, git_commit: str, seed: int, artifacts: Artifacts
) -> ModelVersion:
    """Package an accepted model and register it; a failure at any point leaves no version.

    A model that is registered already, packaged by the same code with the same evaluation and judged against the same
    champion, keeps its version.

    Args:
        store: Where to.
        line: Product line.
        git_commit: Git commit of the code.
        seed: Random seed of the run.
        artifacts: What earlier tasks made.

    Raises:
        DeploymentError: The gate did not accept this model, or the Bento does not do what the model did.
        StoreError: The store refuses.
        CsadError: An input is missing or damaged.
    """
    model, evaluation, gate = (Path(path) for path in (artifacts.model, artifacts.evaluation, artifacts.gate))
    images = open_snapshot(Path(artifacts.images))
    manifest = read_manifest(model)
    decision = _accepted(gate, line, manifest, seed)
    known = read_known(evaluation, manifest, images)
    provenance = Provenance.of(manifest, git_commit, read_scores(evaluation), read_score_kinds(evaluation))
    registered = find_packaged(store, provenance, decision)
    if registered is not None:
        _log.info("packaging: registered already as %s, nothing to build", registered.version)
        return registered
    test = smoke_test_of(Scorer.load(model), choose_images(images), known)
    with tempfile.TemporaryDirectory(prefix="csad-package-") as folder:
        packaged = package(model, Path(folder), provenance, test)
        files = packaged.files | {GATE_FILE: gate / GATE_FILE, FIGURES: evaluation / FIGURES}
        if (gate / GATE_PAGE).is_file():
            files[GATE_PAGE] = gate / GATE_PAGE
        version = register_model(store, model, provenance.registry_labels(), files)
        bento = version.files[BENTO_FILE].bytes
        _log.info("packaging: version %s, a Bento of %s that scores as evaluated", version.version, size(bento))
        return version


def _accepted(gate: Path, line: ProductLine, manifest: Manifest, seed: int) -> GateDecision:
    decision = read_decision(gate)
    if decision.challenger.checksum != manifest.checksum:
        raise DeploymentError(f"{gate / GATE_FILE} is about another model than this one; run the gate again")
    if decision.line != line.name:
        raise DeploymentError(
            f"{gate / GATE_FILE} is of line {decision.line}, expected {line.name}; run the gate again"
        )
    if manifest.seed != seed:
        raise DeploymentError(f"the model was trained with seed {manifest.seed}, this run's is {seed}; check the run")
    if not decision.accepted:
        raise DeploymentError(f"the gate refused this model: {decision.reason}; it is not registered")
    return decision
