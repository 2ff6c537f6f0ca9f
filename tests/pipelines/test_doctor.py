"""`python -m pipelines doctor` against a pipeline server and a Kubernetes API that answer what the test gives them."""

import base64
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipelines import doctor_images
from pipelines.__main__ import main
from pipelines.doctor import check_version
from pipelines.doctor_namespaces import Places
from tests.pipelines.test_demands import Task, write_pipeline
from tests.services.kubernetes_answers import kubernetes_server

ROOT = Path(__file__).parents[2]
STORE = {
    "endpoint": "http://csad-store.csad.svc.cluster.local:8333",
    "bucket": "csad",
    "access_key": "a",
    "secret_key": "b",
}


def node(name="one", cpu="16", memory="64Gi", gpus="1", labels=None, images=()):
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"nvidia.com/gpu.present": "true"} if labels is None else labels},
        "spec": {},
        "status": {
            "allocatable": {"cpu": cpu, "memory": memory, "nvidia.com/gpu": gpus},
            "conditions": [{"type": "Ready", "status": "True"}],
            "images": [{"names": [image]} for image in images],
        },
    }


def plain(kind, name):
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}


def secret(**values):
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {**plain("Secret", "csad-store"), "data": data}


def standalone(kubernetes):
    """All that a run in kubeflow and a model in csad need."""
    for namespace in ("kubeflow", "csad"):
        kubernetes.objects[f"namespaces/{namespace}"] = plain("Namespace", namespace)
        kubernetes.objects[f"namespaces/{namespace}/secrets/csad-store"] = secret(**STORE)
    for account in ("csad-pipeline", "csad-deployer"):
        kubernetes.objects[f"namespaces/kubeflow/serviceaccounts/{account}"] = plain("ServiceAccount", account)
    names = [f"csad-{name}:1" for name in ("train", "serve")]
    kubernetes.objects["nodes/one"] = node(images=names)


@pytest.fixture
def kubernetes(monkeypatch, tmp_path):
    with kubernetes_server(tmp_path / "kubeconfig") as known:
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
        standalone(known)
        yield known


@pytest.fixture(autouse=True)
def no_registry(monkeypatch, tmp_path):
    """The pipelines of these tests name images without a registry; nothing may be asked outside."""

    def refuse(reference):
        raise AssertionError(f"a registry was asked for {reference}")

    monkeypatch.setattr(doctor_images, "in_registry", refuse)


@pytest.fixture
def doctor(tmp_path):
    """The command, over pipelines of three tasks."""
    pool = {"accelerator": {"resourceType": "nvidia.com/gpu", "resourceCount": "1"}}
    wishes = {
        "nodeSelector": {"labels": {"nvidia.com/gpu.present": "true"}},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
    }
    tasks = {
        "segnet": Task("csad-train:1", {"resourceCpuRequest": "4", "resourceMemoryRequest": "8Gi"} | pool, wishes),
        "lgst": Task("csad-train:1", {"resourceCpuRequest": "4", "resourceMemoryRequest": "8Gi"} | pool, wishes),
        "ingest": Task("csad-train:1", {"resourceCpuRequest": "1", "resourceMemoryRequest": "2Gi"}),
    }
    compiled = tmp_path / "compiled"
    compiled.mkdir()
    write_pipeline(compiled / "training.yaml", tasks)
    small = Task("csad-train:1", {"resourceCpuRequest": "1", "resourceMemoryRequest": "2Gi"})
    write_pipeline(compiled / "promotion.yaml", {"deployment": small}, {"image": "csad-serve:1"})

    def run(*arguments, text=False):
        shown = [] if text else ["--json"]
        done = CliRunner().invoke(main, ["doctor", "--compiled", str(compiled), *shown, *arguments])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.output
        return done.exit_code, done.output if text else json.loads(done.stdout)["findings"]

    return run


def missing(findings):
    return [(one["what"], one["mend"]) for one in findings if one["status"] == "missing"]


def test_a_cluster_that_has_all_is_healthy(kfp, kubernetes, doctor):
    code, findings = doctor(str(ROOT / "lines/fastener_kit.yaml"))
    assert (code, missing(findings)) == (0, [])
    told = {one["what"] for one in findings if one["status"] == "ok"}
    assert "the pipeline server is 2.17.0" in told
    assert "account csad-deployer of kubeflow may do its work in namespace csad (38 rights)" in told
    assert "nvidia.com/gpu on 1 nodes with the labels that tasks ask for" in told


def test_the_report_for_people_ends_with_counts_and_leads_to_the_command_that_mends(kfp, kubernetes, doctor):
    del kubernetes.objects["namespaces/kubeflow/secrets/csad-store"]
    code, shown = doctor(text=True)
    assert code == 1
    assert (
        "missing    no secret csad-store in namespace kubeflow: pods would wait in CreateContainerConfigError" in shown
    )
    assert "-> manifests/store-secret --endpoint URL --namespace csad --namespace kubeflow" in shown
    assert shown.splitlines()[-1].startswith("13 ok, 1 missing, 0 unknown")


@pytest.mark.parametrize("gone", ["namespaces/csad", "namespaces/kubeflow/serviceaccounts/csad-deployer"])
def test_what_the_overlay_makes_is_mended_by_it(kfp, kubernetes, gone, doctor):
    del kubernetes.objects[gone]
    code, findings = doctor()
    ((what, mend),) = missing(findings)
    assert code == 1
    assert what.startswith("no ")
    assert mend == "kubectl apply -k manifests/overlays/standalone  # or standalone-external-s3"


def test_a_role_that_is_not_bound_across_namespaces_is_found(kfp, kubernetes, doctor):
    """The deployer of kubeflow needs a RoleBinding in the namespace of the models."""
    kubernetes.allowed = lambda user, namespace, what: namespace == "kubeflow"
    _, findings = doctor()
    ((what, _),) = missing(findings)
    assert what == (
        "account csad-deployer of kubeflow may not get deployments.apps, list deployments.apps, "
        "create deployments.apps and 35 more in namespace csad"
    )


def test_a_user_who_may_not_ask_is_told_that_it_is_unknown(kfp, kubernetes, doctor):
    kubernetes.refused = {"subjectaccessreviews", "secrets", "nodes"}
    code, findings = doctor()
    assert (code, missing(findings)) == (0, [])
    unknown = [one["what"] for one in findings if one["status"] == "unknown"]
    assert sum("you may not ask about them" in what for what in unknown) == 3
    assert sum(what.startswith("secret csad-store") for what in unknown) == 2
    assert any(what.startswith("nodes: cannot list Nodes") for what in unknown)
    assert any("names no registry" in what for what in unknown)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"secret_key": ""}, "secret csad-store in namespace kubeflow has no key secret_key"),
        ({"endpoint": "http://csad-store:8333"}, "names http://csad-store:8333, but no Service csad-store is there"),
        ({"bucket": "other"}, "the secrets name different buckets, csad, other"),
    ],
)
def test_a_secret_that_leads_nowhere_is_found(kfp, kubernetes, change, part, doctor):
    kubernetes.objects["namespaces/kubeflow/secrets/csad-store"] = secret(**STORE | change)
    _, findings = doctor()
    ((what, _),) = missing(findings)
    assert part in what


def test_no_key_is_shown(kfp, kubernetes, doctor):
    kubernetes.objects["namespaces/kubeflow/secrets/csad-store"] = secret(**STORE | {"secret_key": "very-secret"})
    _, findings = doctor()
    assert "very-secret" not in json.dumps(findings)


def test_a_small_node_is_compared_with_what_tasks_reserve(kfp, kubernetes, doctor):
    kubernetes.objects["nodes/one"] = node(cpu="2", memory="24Gi", images=[f"csad-{n}:1" for n in ("train", "serve")])
    _, findings = doctor()
    ((what, _),) = missing(findings)
    assert what == (
        "no node has room for lgst, segnet: they reserve 4 cores and 8.0 GiB, and no node has more than 2 cores or "
        "more than 24.0 GiB"
    )


def test_the_pods_of_a_lines_model_count(kfp, kubernetes, tmp_path, doctor):
    (tmp_path / "line.yaml").write_text("name: bottles\ndeployment: {cpu: 32, memory: 1Gi}\n")
    _, findings = doctor(str(tmp_path / "line.yaml"))
    ((what, _),) = missing(findings)
    assert what.startswith("no node has room for model of bottles: they reserve 32 cores and 1.0 GiB")


def test_without_gpus_the_pipeline_for_the_cpu_is_named(kfp, kubernetes, doctor):
    kubernetes.objects["nodes/one"]["status"]["allocatable"]["nvidia.com/gpu"] = "0"
    _, findings = doctor()
    ((what, mend),) = missing(findings)
    assert what.startswith("no node offers nvidia.com/gpu, which lgst, segnet ask for")
    assert "python -m pipelines compile --cpu-only" in mend


def test_a_gpu_node_without_the_label_is_labelled_by_the_command(kfp, kubernetes, doctor):
    kubernetes.objects["nodes/one"]["metadata"]["labels"] = {}
    _, findings = doctor()
    ((_, mend),) = missing(findings)
    assert mend == "kubectl label node one nvidia.com/gpu.present=true"


def test_a_taint_keeps_out_what_does_not_tolerate_it(kfp, kubernetes, doctor):
    taint = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
    kubernetes.objects["nodes/one"]["spec"]["taints"] = [taint]
    _, findings = doctor()
    ((what, _),) = missing(findings)
    assert what == "every node has a taint that deployment, ingest do not tolerate"


def test_a_cordoned_cluster_has_no_node(kfp, kubernetes, doctor):
    kubernetes.objects["nodes/one"]["spec"]["unschedulable"] = True
    _, findings = doctor()
    assert ("no node is ready", "kubectl get nodes") in missing(findings)


def test_an_image_that_nobody_pushed_is_found(kfp, kubernetes, doctor):
    kubernetes.objects["nodes/one"]["status"]["images"] = [{"names": ["csad-train:1"]}]
    _, findings = doctor()
    ((what, mend),) = missing(findings)
    assert what == "image csad-serve:1 names no registry and is not on every node"
    assert mend.startswith("make push REGISTRY=")


def test_the_volume_for_weights_that_a_run_will_mount_is_looked_at(kfp, kubernetes, doctor):
    code, findings = doctor("--weights-claim", "csad-weights")
    ((what, mend),) = missing(findings)
    assert code == 1
    assert what.startswith("no PersistentVolumeClaim csad-weights in namespace kubeflow: pods of tasks that fetch")
    assert mend.endswith("| kubectl apply -n kubeflow -f -")
    assert not any("PersistentVolumeClaim" in one["what"] for one in doctor()[1])


def test_a_server_with_several_users_needs_a_name_and_serves_in_it(kfp, kubernetes, doctor):
    kfp.multi_user = True
    _, findings = doctor()
    assert ("the pipeline server has several users, and it is not said whose namespace is meant",
            "export KFP_NAMESPACE=NAME") in missing(findings)  # fmt: skip
    kubernetes.objects["namespaces/alice"] = plain("Namespace", "alice")
    _, findings = doctor("--kfp-namespace", "alice")
    mends = {mend for _, mend in missing(findings)}
    assert (
        "kubectl kustomize manifests/overlays/profile | sed s/kubeflow-user-example-com/alice/ | kubectl apply -f -"
        in mends
    )
    assert all("kubeflow:" not in what for what, _ in missing(findings))


def test_a_namespace_for_a_server_without_users_is_a_mistake(kfp, kubernetes, doctor):
    _, findings = doctor("--kfp-namespace", "csad")
    assert any(
        what.startswith("a namespace csad is given, but the pipeline server keeps") for what, _ in missing(findings)
    )


def test_without_a_server_and_a_cluster_both_are_named(monkeypatch, tmp_path, doctor):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    code, findings = doctor("--endpoint", "http://127.0.0.1:9")
    assert code == 1
    assert "http://127.0.0.1:9 does not answer" in missing(findings)[0][0]
    assert any("no Kubernetes cluster is set up" in one["what"] for one in findings)


@pytest.mark.parametrize(
    ("tag", "status"),
    [
        ("2.17.0", "ok"),
        ("v2.17.3", "ok"),
        ("2.16.1", "unknown"),
        ("2.4.1", "missing"),
        ("1.8.22", "missing"),
        ("", "unknown"),
    ],
)
def test_versions_are_compared_with_what_was_tried(tag, status):
    assert check_version(tag).status == status


@pytest.mark.parametrize(
    ("places", "command"),
    [
        (Places("csad", "csad"), "kubectl apply -k manifests/overlays/dev  # or external-s3"),
        (Places("kubeflow", "csad"), "kubectl apply -k manifests/overlays/standalone  # or standalone-external-s3"),
        (Places("kubeflow", "lines"), "kubectl kustomize manifests/overlays/standalone | "
         "sed 's/: kubeflow$/: kubeflow/; s/space: csad$/space: lines/; s/^  name: csad$/  name: lines/' "
         "| kubectl apply -f -"),
    ],
)  # fmt: skip
def test_the_overlay_that_mends_fits_the_namespaces(places, command):
    assert places.apply() == command
