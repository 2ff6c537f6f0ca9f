"""Versions that packaging has registered before."""

from csad.common.errors import DeploymentError
from csad.common.hashing import bytes_sha256
from csad.gate.decision import GateDecision
from csad.gate.registered import judged_version
from csad.packaging.bento import PROVENANCE_FILE
from csad.packaging.fetch import BENTO_FILE
from csad.packaging.provenance import Provenance
from csad.packaging.smoke import SMOKE_FILE
from csad.store.objects import ObjectStore
from csad.store.registry import ModelVersion, list_models


def find_packaged(store: ObjectStore, provenance: Provenance, decision: GateDecision) -> ModelVersion | None:
    """Return the version that a model has already; the latest of several.

    A version counts when it can be deployed and its provenance is the same to the byte: the model's checksum, the
    commit of the code, the figures of the evaluation and the installed packages. The gate must have judged it against
    the same champion, for only this one may it replace, unless it is the champion itself.

    Args:
        store: Where the models are.
        provenance: Provenance of the model.
        decision: What the gate says of the model now.

    Raises:
        StoreError: A manifest is damaged, or the store does not answer.
    """
    wanted = bytes_sha256(provenance.to_json().encode())
    for version in reversed(list_models(store, provenance.line)):
        record = version.files.get(PROVENANCE_FILE)
        same = record is not None and record.sha256 == wanted and {BENTO_FILE, SMOKE_FILE} <= version.files.keys()
        if same and (version.version == decision.against or _judged_alike(store, version, decision)):
            return version
    return None


def _judged_alike(store: ObjectStore, version: ModelVersion, decision: GateDecision) -> bool:
    try:
        return judged_version(store, version).against == decision.against
    except DeploymentError:  # a decision that cannot be read is made good by one that can
        return False
