"""The doctor on a real API server: it finds what is missing, and what it prints mends that."""

import secrets

import pytest

from pipelines.doctor import diagnose
from tests.pipelines.test_demands import Task, write_pipeline
from tests.services.kfp_server import KfpServer

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def names(cluster):
    """Two namespaces that do not exist yet: for runs, and for models."""
    tail = secrets.token_hex(4)
    runs, serving = f"runs-{tail}", f"lines-{tail}"
    yield runs, serving
    for name in (runs, serving):
        cluster.kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")


@pytest.fixture
def doctor(cluster, names, monkeypatch, tmp_path):
    """Diagnoses the two namespaces, with a pipeline whose tasks fit onto any node."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", cluster.environment["KUBECONFIG"])
    small = {"resourceCpuRequest": "100m", "resourceMemoryRequest": "64Mi"}
    large = {"resourceCpuRequest": "4000", "resourceMemoryRequest": "64Mi"}

    def findings(*tasks):
        wanted = {name: Task(f"none-{names[0]}:1", large if name == "large" else small) for name in tasks}
        package = write_pipeline(tmp_path / "training.yaml", wanted)
        with KfpServer() as kfp:
            kfp.multi_user = True  # its users say where runs are
            return diagnose(kfp.endpoint, names[0], names[1], [package]).findings

    return findings


def missing(findings):
    return {one.what: one.mend for one in findings if one.status == "missing"}


def shell(cluster, command):
    """Run what the doctor prints, as it is printed, in the root of the checkout."""
    cluster.run("bash", "-c", command)


def test_what_the_doctor_prints_mends_what_it_finds(cluster, doctor, names, monkeypatch):
    monkeypatch.setitem(cluster.environment, "AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setitem(cluster.environment, "AWS_SECRET_ACCESS_KEY", "secret")
    runs, serving = names

    found = missing(doctor("small"))
    assert {f"no Namespace {runs}", f"no Namespace {serving}"} <= set(found)

    for name in names:
        cluster.kubectl("create", "namespace", name)
    found = missing(doctor("small"))
    mend = found[f"no ServiceAccount csad-deployer in namespace {runs}"]
    assert any(what.startswith(f"account csad-pipeline of {runs} may not create workflowtaskresults") for what in found)
    assert any(what.startswith(f"account csad-deployer of {runs} may not get deployments.apps") for what in found)
    secret = found[f"no secret csad-store in namespace {runs}: pods would wait in CreateContainerConfigError for ever"]

    # The store of the plain overlay would start a server; what concerns the doctor is the same in the other.
    shell(cluster, mend.replace("overlays/standalone", "overlays/standalone-external-s3"))
    shell(cluster, secret.replace("URL", "https://s3.example.com").partition("#")[0])

    report = doctor("small")
    (image,) = [one for one in report if one.what.startswith(f"image none-{runs}:1 names no registry")]
    assert image.status in {"missing", "unknown"}  # a node that has more than 50 images does not name them all
    assert set(missing(report)) <= {image.what}
    told = {one.what for one in report if one.status == "ok"}
    assert f"account csad-deployer of {runs} may do its work in namespace {serving} (38 rights)" in told
    assert f"account csad-pipeline of {runs} may do its work in namespace {runs} (5 rights)" in told
    assert f"secret csad-store in namespace {runs} names https://s3.example.com" in told


def test_the_room_of_the_real_nodes_is_compared(cluster, doctor):
    found = missing(doctor("small", "large"))
    assert any(what.startswith("no node has room for large: they reserve 4000 cores") for what in found)
    assert not any("small" in what for what in found)


def test_the_deployer_of_another_namespace_is_told_from_ours(cluster, doctor, names):
    runs, serving = names
    cluster.kubectl("-n", serving, "create", "serviceaccount", "csad-deployer")
    for account, answer in ((f"{runs}:csad-deployer", "yes"), (f"{serving}:csad-deployer", "no")):
        who = f"--as=system:serviceaccount:{account}"
        told = cluster.run("kubectl", "auth", "can-i", "create", "deployments", who, "-n", serving, check=False)
        assert told.stdout.strip() == answer
