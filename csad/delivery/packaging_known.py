"""Versions that packaging has registered before."""

import hashlib

from csad.delivery.fetch import BENTO_FILE
from csad.delivery.packaging_bento import PROVENANCE_FILE
from csad.delivery.provenance import Provenance
from csad.delivery.smoke import SMOKE_FILE
from csad.store.objects import ObjectStore
from csad.store.registry import ModelVersion, list_models


def find_packaged(store: ObjectStore, provenance: Provenance) -> ModelVersion | None:
    """Return the version that a model has already; the latest of several.

    A version counts when it can be deployed and its provenance is the same to the byte: the model's checksum, the
    commit of the code, the figures of the evaluation and the installed packages.

    Args:
        store: Where the models are.
        provenance: Of the model.

    Raises:
        StoreError: A manifest is damaged, or the store does not answer.
    """
    wanted = hashlib.sha256(provenance.to_json().encode("utf-8")).hexdigest()
    for version in reversed(list_models(store, provenance.line)):
        record = version.files.get(PROVENANCE_FILE)
        if record is not None and record.sha256 == wanted and {BENTO_FILE, SMOKE_FILE} <= version.files.keys():
            return version
    return None
