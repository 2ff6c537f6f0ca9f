"""Whether the volume for weights can be mounted by the tasks of a run (docs/kubeflow/weights.md)."""

import json
from collections.abc import Mapping
from typing import Any

from csad.common.errors import DeploymentError
from csad.deployment.cluster import Cluster, Kind, Object
from pipelines.doctor_report import Finding

STORAGE = "20Gi"
MANY = frozenset({"ReadWriteMany", "ReadOnlyMany"})
READ_ONLY = "ReadOnlyMany"
ONE_POD = "ReadWriteOncePod"
DEFAULT_CLASS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
"""Annotations of the class of claims that name none; clusters still honour the older one."""


def check_claims(cluster: Cluster, claims: Mapping[str, tuple[str, ...]], nodes: int | None) -> list[Finding]:
    """Look at the PersistentVolumeClaims that tasks mount.

    Args:
        cluster: Connection to the namespace of the runs.
        claims: Tasks that mount each claim, by its name.
        nodes: Nodes that take pods; None where nobody may say.
    """
    found: list[Finding] = []
    for name, tasks in sorted(claims.items()):
        found += _check(cluster, name, ", ".join(sorted(set(tasks))) or "tasks that fetch weights", nodes)
    return found


def _check(cluster: Cluster, name: str, tasks: str, nodes: int | None) -> list[Finding]:
    what = f"PersistentVolumeClaim {name} in namespace {cluster.namespace}"
    try:
        claim = cluster.find(Kind.VOLUME_CLAIM, name)
    except DeploymentError as error:
        return [Finding("unknown", f"{what}: {error}")]
    if claim is None:
        lacking = f"no {what}: pods of {tasks} would stay Pending"
        return [Finding("missing", lacking, _creation(cluster.namespace, name))]
    if claim["metadata"].get("deletionTimestamp"):
        return [Finding("missing", f"{what} is being deleted: new pods would stay Pending", _renewal(cluster, name))]
    return [_binding(cluster, claim, what), *_access(claim, what, nodes)]


def _binding(cluster: Cluster, claim: Object, what: str) -> Finding:
    phase = claim.get("status", {}).get("phase")
    name = claim["metadata"]["name"]
    if phase == "Bound":
        return Finding("ok", f"{what} is bound")
    if phase == "Lost":
        return Finding("missing", f"{what} has lost its volume", _renewal(cluster, name))
    describe = f"kubectl describe pvc {name} -n {cluster.namespace}  # its events say why"
    kind = claim.get("spec", {}).get("storageClassName")
    try:
        storage = _storage_class(cluster, kind)
    except DeploymentError as error:
        return Finding("unknown", f"{what} is not bound yet, and whether it waits for a pod is not known: {error}")
    if storage is None:
        lacking = f"the StorageClass {kind}, which does not exist" if kind else "a volume made by hand"
        if kind is None:
            lacking = "a StorageClass: it names none, and the cluster has no default"
        return Finding("missing", f"{what} is not bound, it waits for {lacking}", describe)
    if storage.get("volumeBindingMode") == "WaitForFirstConsumer":
        return Finding("ok", f"{what} is bound when the first pod mounts it")
    return Finding("missing", f"{what} is not bound: no volume was made for it", describe)


def _storage_class(cluster: Cluster, name: str | None) -> Object | None:
    """Class of a claim; that of the cluster where it names none, and None where there is no such class."""
    if name is not None:
        return cluster.find(Kind.STORAGE_CLASS, name) if name else None
    for one in cluster.select(Kind.STORAGE_CLASS):
        annotations = one["metadata"].get("annotations") or {}
        if any(annotations.get(key) == "true" for key in DEFAULT_CLASS):
            return one
    return None


def _access(claim: Object, what: str, nodes: int | None) -> list[Finding]:
    modes = claim.get("status", {}).get("accessModes") or claim.get("spec", {}).get("accessModes") or []
    shown = ", ".join(modes)
    if set(modes) & MANY:
        before = "; it must hold the weights already" if set(modes) == {READ_ONLY} else ""
        return [Finding("ok", f"{what} can be mounted on several nodes ({shown}{before})")]
    mend = "make a claim of another name with ReadWriteMany, and give it as --weights-claim"
    if ONE_POD in modes:
        return [Finding("unknown", f"{what} is {shown}: one pod at a time can mount it, the others wait", mend)]
    if nodes == 1:
        return [Finding("ok", f"{what} is {shown}, and the cluster has one node")]
    count = "the nodes are not known" if nodes is None else f"the cluster has {nodes} nodes"
    doubt = f"{what} is {shown}, and {count}: while pods of one node mount it, those on others wait"
    return [Finding("unknown", doubt, mend)]


def _creation(namespace: str, name: str) -> str:
    manifest: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": STORAGE}}},
    }
    return f"echo '{json.dumps(manifest)}' | kubectl apply -n {namespace} -f -"


def _renewal(cluster: Cluster, name: str) -> str:
    """What was on the volume is fetched again."""
    return f"kubectl delete pvc {name} -n {cluster.namespace} && {_creation(cluster.namespace, name)}"
