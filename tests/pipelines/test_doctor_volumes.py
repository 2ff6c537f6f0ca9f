"""The doctor looks at the volume for weights before a pod waits for it."""

import json
import shlex

import pytest

from csad.deployment.cluster import Cluster
from pipelines.demands import read_demands
from pipelines.doctor_volumes import check_claims
from tests.pipelines.test_demands import Task, write_pipeline
from tests.services.kubernetes_answers import kubernetes_server

WHAT = "PersistentVolumeClaim csad-weights in namespace kubeflow"
PLACE = "namespaces/kubeflow/persistentvolumeclaims/csad-weights"
CREATE = (
    """echo '{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "csad-weights"}, "spec": """
    """{"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "20Gi"}}}}' """
    "| kubectl apply -n kubeflow -f -"
)


def claim(phase="Bound", mode="ReadWriteMany", **spec):
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "csad-weights"},
        "spec": {"accessModes": [mode], **spec},
        "status": {"phase": phase},
    }


def storage_class(mode, default=False):
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "fast", "annotations": annotations},
        "volumeBindingMode": mode,
    }


@pytest.fixture
def kubernetes(monkeypatch, tmp_path):
    with kubernetes_server(tmp_path / "kubeconfig") as known:
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
        yield known


@pytest.fixture
def check(kubernetes):
    """What is found, as (status, what, mend)."""

    def check(nodes=3, tasks=("masks", "tagging")):
        found = check_claims(Cluster.connect("kubeflow"), {"csad-weights": tasks}, nodes)
        return [(one.status, one.what, one.mend) for one in found]

    return check


def test_a_bound_volume_for_many_nodes_is_well(kubernetes, check):
    kubernetes.objects[PLACE] = claim()
    assert check() == [
        ("ok", f"{WHAT} is bound", ""),
        ("ok", f"{WHAT} can be mounted on several nodes (ReadWriteMany)", ""),
    ]


def test_a_claim_that_nobody_made_is_made_by_the_command(check):
    assert check() == [("missing", f"no {WHAT}: pods of masks, tagging would stay Pending", CREATE)]
    manifest = json.loads(shlex.split(CREATE)[1])
    assert (manifest["kind"], manifest["metadata"]["name"]) == ("PersistentVolumeClaim", "csad-weights")


def test_a_claim_that_only_a_submission_names_is_looked_at_too(check):
    assert check(tasks=())[0][1] == f"no {WHAT}: pods of tasks that fetch weights would stay Pending"


@pytest.mark.parametrize("named", [{"storageClassName": "fast"}, {}])
def test_a_claim_that_waits_for_its_first_pod_is_well(kubernetes, check, named):
    kubernetes.objects[PLACE] = claim("Pending", **named)
    kubernetes.objects["storageclasses/fast"] = storage_class("WaitForFirstConsumer", default=not named)
    assert check()[0] == ("ok", f"{WHAT} is bound when the first pod mounts it", "")


def test_a_default_class_by_the_older_annotation_counts(kubernetes, check):
    older = storage_class("WaitForFirstConsumer")
    older["metadata"]["annotations"] = {"storageclass.beta.kubernetes.io/is-default-class": "true"}
    kubernetes.objects[PLACE] = claim("Pending")
    kubernetes.objects["storageclasses/fast"] = older
    assert check()[0] == ("ok", f"{WHAT} is bound when the first pod mounts it", "")


@pytest.mark.parametrize(
    ("spec", "classes", "said"),
    [
        ({"storageClassName": "fast"}, True, "is not bound: no volume was made for it"),
        ({"storageClassName": "slow"}, True, "is not bound, it waits for the StorageClass slow, which does not exist"),
        ({"storageClassName": ""}, True, "is not bound, it waits for a volume made by hand"),
        (
            {},
            False,
            "is not bound, it waits for a StorageClass: it names none, and the cluster has no default",
        ),
    ],
)
def test_a_claim_that_no_pod_will_bind_is_missing(kubernetes, check, spec, classes, said):
    kubernetes.objects[PLACE] = claim("Pending", **spec)
    if classes:
        kubernetes.objects["storageclasses/fast"] = storage_class("Immediate")
    describe = "kubectl describe pvc csad-weights -n kubeflow  # its events say why"
    assert check()[0] == ("missing", f"{WHAT} {said}", describe)


def test_a_claim_whose_volume_is_lost_or_that_is_being_deleted_is_made_again(kubernetes, check):
    renewal = f"kubectl delete pvc csad-weights -n kubeflow && {CREATE}"
    kubernetes.objects[PLACE] = claim("Lost")
    assert check()[0] == ("missing", f"{WHAT} has lost its volume", renewal)
    kubernetes.objects[PLACE] = claim()
    kubernetes.objects[PLACE]["metadata"]["deletionTimestamp"] = "2026-11-29T10:00:00Z"
    assert check() == [("missing", f"{WHAT} is being deleted: new pods would stay Pending", renewal)]


@pytest.mark.parametrize(
    ("mode", "nodes", "status", "said"),
    [
        ("ReadWriteOnce", 1, "ok", "is ReadWriteOnce, and the cluster has one node"),
        (
            "ReadWriteOnce",
            3,
            "unknown",
            "is ReadWriteOnce, and the cluster has 3 nodes: while pods of one node mount it, those on others wait",
        ),
        (
            "ReadWriteOnce",
            None,
            "unknown",
            "is ReadWriteOnce, and the nodes are not known: while pods of one node mount it, those on others wait",
        ),
        ("ReadWriteOncePod", 1, "unknown", "is ReadWriteOncePod: one pod at a time can mount it, the others wait"),
        (
            "ReadOnlyMany",
            3,
            "ok",
            "can be mounted on several nodes (ReadOnlyMany; it must hold the weights already)",
        ),
    ],
)
def test_an_access_mode_that_may_keep_pods_waiting_is_a_doubt(kubernetes, check, mode, nodes, status, said):
    kubernetes.objects[PLACE] = claim(mode=mode)
    found = check(nodes)[1]
    assert found[:2] == (status, f"{WHAT} {said}")
    assert (found[2] == "") == (status == "ok")


@pytest.mark.parametrize("refused", ["persistentvolumeclaims", "storageclasses"])
def test_what_may_not_be_asked_is_unknown(kubernetes, check, refused):
    kubernetes.objects[PLACE] = claim("Pending", storageClassName="fast")
    kubernetes.refused = {refused}
    assert check()[0][0] == "unknown"


def test_the_claims_of_compiled_pipelines_are_read_with_the_tasks_that_mount_them(tmp_path):
    def mounting(name):
        return {"pvcMount": [{"mountPath": "/weights", "pvcNameParameter": {"runtimeValue": {"constant": name}}}]}

    tasks = {
        "masks": Task("i:1", {}, mounting("csad-weights")),
        "tagging": Task("i:1", {}, mounting("csad-weights")),
        "ingest": Task("i:1", {}),
    }
    file = write_pipeline(tmp_path / "training.yaml", tasks)
    assert read_demands([file], None).claims == {"csad-weights": ("masks", "tagging")}
