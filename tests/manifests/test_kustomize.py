"""The manifests, rendered and checked without a cluster."""

import shutil
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

ROOT = Path(__file__).parents[2]
OVERLAYS = ("dev", "external-s3")
"""Runs and models in one namespace."""
STANDALONE = ("standalone", "standalone-external-s3")
"""Runs in kubeflow, models in csad."""
VERSIONS = [f"1.{minor}" for minor in range(29, 38)]
CLUSTER_WIDE = {"Namespace"}


def tool(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.is_file() else shutil.which(name)
    assert found, f"{name} is not installed"
    return found


def render(overlay: str) -> list[dict]:
    folder = ROOT / "manifests/overlays" / overlay
    done = subprocess.run([tool("kubectl"), "kustomize", folder], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(scope="module", params=OVERLAYS)
def objects(request):
    return render(request.param)


def of_kind(objects, kind):
    return [one for one in objects if one["kind"] == kind]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("overlay", [*OVERLAYS, *STANDALONE, "profile"])
def test_every_object_is_valid_on_every_supported_kubernetes(overlay, version):
    for one in render(overlay):
        kubernetes_validate.validate(one, version, strict=True)


def test_the_check_itself_refuses_an_unknown_field():
    broken = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a"}, "automount": True}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSIONS[-1], strict=True)


def test_everything_lies_in_one_restricted_namespace(objects):
    (namespace,) = of_kind(objects, "Namespace")
    assert namespace["metadata"]["name"] == "csad"
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert {one["metadata"]["namespace"] for one in objects if one["kind"] not in CLUSTER_WIDE} == {"csad"}


def test_no_secret_is_in_the_repository(objects):
    assert of_kind(objects, "Secret") == []


def test_nothing_is_allowed_across_namespaces_or_by_wildcard(objects):
    assert of_kind(objects, "ClusterRole") + of_kind(objects, "ClusterRoleBinding") == []
    for role in of_kind(objects, "Role"):
        for rule in role["rules"]:
            assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"]


def test_the_only_secret_that_a_run_may_read_is_kubeflows_own(objects):
    rules = [rule for role in of_kind(objects, "Role") for rule in role["rules"] if "secrets" in rule["resources"]]
    assert [(rule["verbs"], rule["resourceNames"]) for rule in rules] == [(["get"], ["mlpipeline-minio-artifact"])]


def test_only_the_deployer_may_deploy(objects):
    bound = {
        binding["roleRef"]["name"]: {subject["name"] for subject in binding["subjects"]}
        for binding in of_kind(objects, "RoleBinding")
    }
    assert bound == {"csad-run": {"csad-pipeline", "csad-deployer"}, "csad-deployer": {"csad-deployer"}}
    assert {one["metadata"]["name"] for one in of_kind(objects, "ServiceAccount")} == {"csad-pipeline", "csad-deployer"}


def test_traffic_is_denied_unless_a_policy_allows_it(objects):
    policies = {one["metadata"]["name"]: one["spec"] for one in of_kind(objects, "NetworkPolicy")}
    assert policies["deny-all"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert "ingress" not in policies["pipeline-runs"]
    assert "pipeline-runs-to-store" in policies


def test_the_gpu_component_raises_the_quota(objects):
    (quota,) = of_kind(objects, "ResourceQuota")
    assert quota["spec"]["hard"]["requests.nvidia.com/gpu"] == "8"
    assert quota["spec"]["hard"]["services.loadbalancers"] == "0"


def test_the_store_of_the_dev_overlay_is_pinned_and_restricted():
    (store,) = of_kind(render("dev"), "StatefulSet")
    pod = store["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    name, _, version = container["image"].partition(":")
    assert name == "chrislusf/seaweedfs"
    assert version.replace(".", "").isdigit()
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    keys = {one["name"]: one["valueFrom"]["secretKeyRef"]["name"] for one in container["env"] if "valueFrom" in one}
    assert keys == {"AWS_ACCESS_KEY_ID": "csad-store", "AWS_SECRET_ACCESS_KEY": "csad-store"}


def test_the_policies_that_lead_to_the_store_select_it():
    objects = render("dev")
    (service,) = of_kind(objects, "Service")
    (store,) = of_kind(objects, "StatefulSet")
    labels = store["spec"]["template"]["metadata"]["labels"]
    policies = {one["metadata"]["name"]: one["spec"] for one in of_kind(objects, "NetworkPolicy")}
    to_store = policies["pipeline-runs-to-store"]["egress"][0]["to"][0]["podSelector"]["matchLabels"]
    for selector in (
        service["spec"]["selector"],
        store["spec"]["selector"]["matchLabels"],
        policies["csad-store"]["podSelector"]["matchLabels"],
        to_store,
    ):
        assert selector.items() <= labels.items()


def test_the_external_overlay_keeps_runs_from_the_nodes_credentials():
    policies = {one["metadata"]["name"]: one["spec"] for one in of_kind(render("external-s3"), "NetworkPolicy")}
    (rule,) = policies["pipeline-runs-to-store"]["egress"]
    assert rule["to"] == [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}}]
    assert {port["port"] for port in rule["ports"]} == {443, 8333, 9000}


def names(objects, namespace):
    return {(one["kind"], one["metadata"]["name"]) for one in objects if one["metadata"].get("namespace") == namespace}


@pytest.mark.parametrize("overlay", STANDALONE)
def test_a_standalone_kubeflow_gets_the_accounts_where_it_starts_runs_and_nothing_else(overlay):
    objects = render(overlay)
    assert names(objects, "kubeflow") == {
        ("ServiceAccount", "csad-pipeline"),
        ("ServiceAccount", "csad-deployer"),
        ("Role", "csad-run"),
        ("RoleBinding", "csad-run"),
    }
    assert {one["metadata"].get("namespace") for one in objects if one["kind"] not in CLUSTER_WIDE} == {
        "kubeflow", "csad"
    }  # fmt: skip
    assert [one["metadata"]["name"] for one in of_kind(objects, "Namespace")] == ["csad"]


@pytest.mark.parametrize("overlay", STANDALONE)
def test_the_deployer_of_kubeflow_and_it_alone_may_deploy_where_models_are_served(overlay):
    bindings = [one for one in of_kind(render(overlay), "RoleBinding") if one["metadata"]["namespace"] == "csad"]
    assert [(one["roleRef"]["name"], one["subjects"]) for one in bindings] == [
        ("csad-deployer", [{"kind": "ServiceAccount", "name": "csad-deployer", "namespace": "kubeflow"}])
    ]


def test_the_runs_of_kubeflow_reach_the_store_of_the_serving_namespace():
    policies = {one["metadata"]["name"]: one["spec"] for one in of_kind(render("standalone"), "NetworkPolicy")}
    (rule,) = policies["csad-store"]["ingress"]
    runs = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kubeflow"}}}
    assert rule == {"from": [{"podSelector": {}}, runs], "ports": [{"port": 8333, "protocol": "TCP"}]}
    assert set(policies) == {"csad-store", "deny-all"}  # a policy for runs would select none here


def test_a_profile_gets_accounts_and_roles_and_nothing_that_limits_what_else_lives_there():
    objects = render("profile")
    assert {one["kind"] for one in objects} == {"ServiceAccount", "Role", "RoleBinding"}
    assert {one["metadata"]["namespace"] for one in objects} == {"kubeflow-user-example-com"}
    subjects = [subject for one in of_kind(objects, "RoleBinding") for subject in one["subjects"]]
    assert {subject["namespace"] for subject in subjects} == {"kubeflow-user-example-com"}


def test_one_set_of_roles_serves_every_overlay():
    def rules(overlay):
        return {one["metadata"]["name"]: one["rules"] for one in of_kind(render(overlay), "Role")}

    assert all(rules(overlay) == rules("dev") for overlay in ("external-s3", *STANDALONE, "profile"))


SCRIPTS = sorted(
    path.relative_to(ROOT)
    for folder in (".ci", "images", "manifests")
    for path in (ROOT / folder).rglob("*")
    if path.is_file() and path.read_bytes()[:19] == b"#!/usr/bin/env bash"
)


@pytest.mark.parametrize("script", SCRIPTS, ids=str)
def test_scripts_pass_shellcheck(script):
    done = subprocess.run([tool("shellcheck"), script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_scripts_explain_themselves_and_refuse_wrong_use():
    assert {str(script) for script in SCRIPTS} >= {"images/build", "images/push", "manifests/store-secret"}
    for script in SCRIPTS:
        if script.parts[0] == ".ci":
            continue
        told = subprocess.run([ROOT / script, "--help"], capture_output=True, text=True, check=False)
        assert (told.returncode, told.stdout[:6]) == (0, "usage:")
        refused = subprocess.run([ROOT / script, "--no-such-option"], capture_output=True, text=True, check=False)
        assert (refused.returncode, refused.stderr[:6]) == (2, "usage:")
