"""The manifests on a real API server: they apply, the store of the dev overlay stores, and the Roles hold."""

import base64
import json
import os
import secrets
import shutil
from pathlib import Path

import pytest
import yaml

from csad.store.objects import ObjectStore
from csad.store.settings import StoreSettings

pytestmark = pytest.mark.timeout(900)
ROOT = Path(__file__).parents[2]
SMALLER_VOLUME = """
- op: replace
  path: /spec/volumeClaimTemplates/0/spec/resources/requests/storage
  value: 1Gi
"""
WEED = "FROM {base}\nCOPY weed /usr/bin/weed\nUSER 1000\n"


@pytest.fixture(scope="module")
def namespace(cluster):
    name = f"csad-{secrets.token_hex(4)}"
    yield name
    cluster.kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")


@pytest.fixture(scope="module")
def store_image(docker, base_image, tmp_path_factory):
    """The image that the overlay names, or the same program from its Python package under that name."""
    (store,) = (one for one in rendered(docker, "dev", "csad", tmp_path_factory) if one["kind"] == "StatefulSet")
    name = store["spec"]["template"]["spec"]["containers"][0]["image"]
    if docker.run("docker", "image", "inspect", name, check=False).returncode == 0:
        return name
    if docker.run("docker", "pull", "--quiet", name, check=False).returncode:
        folder = tmp_path_factory.mktemp("weed")
        (folder / "Dockerfile").write_text(WEED.format(base=base_image))
        shutil.copy(shutil.which("weed", path=f"{ROOT / '.venv/bin'}:{os.environ['PATH']}"), folder / "weed")
        docker.run("docker", "build", "--quiet", "--tag", name, folder)
    return name


def rendered(cluster, overlay, namespace, tmp_path_factory):
    folder = tmp_path_factory.mktemp(overlay)
    source = os.path.relpath((ROOT / "manifests/overlays" / overlay).resolve(), folder.resolve())
    wanted = {"namespace": namespace, "resources": [source]}
    if overlay == "dev":
        wanted["patches"] = [{"target": {"kind": "StatefulSet"}, "patch": SMALLER_VOLUME}]
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(wanted))
    return list(yaml.safe_load_all(cluster.kubectl("kustomize", folder)))


@pytest.fixture(scope="module")
def applied(cluster, store_image, namespace, tmp_path_factory):
    """The dev overlay, applied twice: the second time must change nothing."""
    secret = ROOT / "manifests/store-secret"
    told = cluster.run(secret, "--new-keys", "--namespace", namespace)
    assert "endpoint" not in told.stderr
    objects = rendered(cluster, "dev", namespace, tmp_path_factory)
    text = yaml.safe_dump_all(objects)
    first, second = (
        cluster.kubectl("apply", "--server-side", "--output", "json", "--filename", "-", text=text) for _ in range(2)
    )
    return objects, versions(first), versions(second)


def versions(told):
    return {
        (one["kind"], one["metadata"]["name"]): one["metadata"]["generation"]
        for one in json.loads(told)["items"]
        if "generation" in one["metadata"]
    }


def test_applying_twice_changes_nothing(applied):
    _, first, second = applied
    assert first == second != {}


def test_the_store_starts_unprivileged_and_stores(applied, cluster, namespace):
    told = cluster.kubectl("-n", namespace, "rollout", "status", "statefulset/csad-store", "--timeout=180s")
    assert "1 pods" in told or "complete" in told
    address = cluster.kubectl("-n", namespace, "get", "service", "csad-store", "-o", "jsonpath={.spec.clusterIP}")
    data = json.loads(cluster.kubectl("-n", namespace, "get", "secret", "csad-store", "-o", "json"))["data"]
    keys = {name: base64.b64decode(value).decode() for name, value in data.items()}
    assert keys["endpoint"] == "http://csad-store:8333"

    store = ObjectStore.connect(
        StoreSettings(f"{address}:8333", keys["access_key"], keys["secret_key"], bucket=keys["bucket"])
    )
    store.put_bytes("hello.txt", b"stored")
    assert store.read_bytes("hello.txt")[0] == b"stored"
    assert cluster.kubectl("-n", namespace, "exec", "csad-store-0", "--", "id", "-u") == "1000"


def test_new_keys_do_not_replace_those_in_use(applied, cluster, namespace):
    before = cluster.kubectl("-n", namespace, "get", "secret", "csad-store", "-o", "jsonpath={.data}")
    cluster.run(ROOT / "manifests/store-secret", "--new-keys", "--namespace", namespace)
    assert cluster.kubectl("-n", namespace, "get", "secret", "csad-store", "-o", "jsonpath={.data}") == before


MAY = {
    "csad-pipeline": [
        "create workflowtaskresults.argoproj.io",
        "patch workflowtaskresults.argoproj.io",
        "get pods",
        "get configmaps/kfp-launcher",
        "get secrets/mlpipeline-minio-artifact",
    ],
    "csad-deployer": [
        "create workflowtaskresults.argoproj.io",
        "get configmaps/kfp-launcher",
        "create deployments.apps",
        "patch deployments.apps",
        "delete deployments.apps",
        "list replicasets.apps",
        "create services",
        "list pods",
        "get pods/log",
        "list events",
        "patch horizontalpodautoscalers.autoscaling",
        "patch poddisruptionbudgets.policy",
        "patch networkpolicies.networking.k8s.io",
        "patch servicemonitors.monitoring.coreos.com",
        "update leases.coordination.k8s.io",
    ],
}
MAY_NOT = {
    "csad-pipeline": [
        "create deployments.apps",
        "patch deployments.apps",
        "delete deployments.apps",
        "patch services",
        "list pods",
        "create pods",
        "get secrets",
        "list secrets",
        "get secrets/csad-store",
        "patch networkpolicies.networking.k8s.io",
        "update leases.coordination.k8s.io",
        "list nodes",
    ],
    "csad-deployer": [
        "get secrets",
        "list secrets",
        "get secrets/csad-store",
        "create secrets",
        "create pods",
        "create pods/exec",
        "create rolebindings.rbac.authorization.k8s.io",
        "patch serviceaccounts",
        "create serviceaccounts/token",
        "patch resourcequotas",
        "delete namespaces",
    ],
}


def review(namespace, account, question, where=None):
    """The API server's own question: may this account do that?"""
    verb, _, what = question.partition(" ")
    resource, _, rest = what.partition("/")
    resource, _, group = resource.partition(".")
    below = rest if rest in ("log", "exec", "token") else ""
    asked = {
        "namespace": where or namespace,
        "verb": verb,
        "group": group,
        "resource": resource,
        "subresource": below,
        "name": "" if below else rest,
    }
    spec = {"user": f"system:serviceaccount:{namespace}:{account}", "resourceAttributes": asked}
    return {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}


def answers(cluster, reviews):
    text = yaml.safe_dump_all(reviews)
    told = cluster.kubectl("create", "--filename", "-", "--output", "jsonpath={.status.allowed} ", text=text)
    return [word == "true" for word in told.split()]


@pytest.mark.parametrize("account", MAY)
def test_an_account_may_do_its_work(applied, cluster, namespace, account):
    asked = [review(namespace, account, question) for question in MAY[account]]
    assert dict(zip(MAY[account], answers(cluster, asked), strict=True)) == dict.fromkeys(MAY[account], True)


@pytest.mark.parametrize("account", MAY_NOT)
def test_an_account_may_do_nothing_else(applied, cluster, namespace, account):
    asked = [review(namespace, account, question) for question in MAY_NOT[account]]
    assert dict(zip(MAY_NOT[account], answers(cluster, asked), strict=True)) == dict.fromkeys(MAY_NOT[account], False)


def test_no_account_reaches_another_namespace(applied, cluster, namespace):
    asked = [review(namespace, account, question, "default") for account, those in MAY.items() for question in those]
    assert answers(cluster, asked) == [False] * len(asked)


def test_kubectl_says_the_same(applied, cluster, namespace):
    for account, answer in (("csad-pipeline", "no"), ("csad-deployer", "yes")):
        who = f"--as=system:serviceaccount:{namespace}:{account}"
        told = cluster.run("kubectl", "auth", "can-i", "create", "deployments", who, "-n", namespace, check=False)
        assert told.stdout.strip() == answer


def deployment(namespace):
    return json.dumps(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "trial", "namespace": namespace},
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": {"app": "trial"}},
                "template": {
                    "metadata": {"labels": {"app": "trial"}},
                    "spec": {"containers": [{"name": "trial", "image": "trial:1"}]},
                },
            },
        }
    )


def test_the_deployer_deploys_and_a_training_run_is_refused(applied, cluster, namespace):
    for account, code in (("csad-pipeline", 1), ("csad-deployer", 0)):
        who = f"--as=system:serviceaccount:{namespace}:{account}"
        text = deployment(namespace)
        done = cluster.run("kubectl", "apply", "--server-side", who, "--filename", "-", text=text, check=False)
        assert done.returncode == code, done.stderr
        assert ("Forbidden" in done.stderr or "forbidden" in done.stderr) == bool(code)
    cluster.kubectl(
        "delete", "deployment/trial", "-n", namespace, f"--as=system:serviceaccount:{namespace}:csad-deployer"
    )


def test_the_quota_refuses_a_service_outside_the_cluster(applied, cluster, namespace):
    who = f"--as=system:serviceaccount:{namespace}:csad-deployer"
    arguments = ("create", "service", "nodeport", "open", "--tcp=80:80", "-n", namespace, who)
    done = cluster.run("kubectl", *arguments, check=False)
    assert done.returncode == 1
    assert "exceeded quota" in done.stderr


def test_a_container_that_asks_for_nothing_gets_the_defaults(applied, cluster, namespace):
    arguments = ("run", "idle", "--image=trial:1", "-n", namespace, "--dry-run=server", "--output=json")
    pod = json.loads(cluster.kubectl(*arguments))
    assert pod["spec"]["containers"][0]["resources"] == {
        "limits": {"memory": "1Gi"},
        "requests": {"cpu": "50m", "memory": "128Mi"},
    }


def test_the_external_overlay_is_accepted(cluster, namespace, applied, tmp_path_factory):
    text = yaml.safe_dump_all(rendered(cluster, "external-s3", namespace, tmp_path_factory))
    arguments = ("apply", "--server-side", "--dry-run=server", "--force-conflicts", "--filename", "-")
    assert cluster.kubectl(*arguments, text=text).count("serverside-applied") == text.count("apiVersion")


def test_the_node_patch_labels_and_taints(cluster):
    node = cluster.kubectl("get", "nodes", "-o", "jsonpath={.items[0].metadata.name}")
    patch = ROOT / "manifests/components/gpu-pool/node.yaml"
    arguments = ("patch", "node", node, "--patch-file", patch, "--dry-run=server", "--output=json")
    patched = json.loads(cluster.kubectl(*arguments))
    assert patched["metadata"]["labels"]["nvidia.com/gpu.present"] == "true"
    assert {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"} in patched["spec"]["taints"]
