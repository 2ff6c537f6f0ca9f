"""What a real kubelet and a real scheduler say about pods of a run that cannot start, and how a container ends."""

import json
import secrets
import time

import pytest

from pipelines.run_pods import Lookout

pytestmark = pytest.mark.timeout(300)
RUN = "0d5d5e2c-0000-4000-8000-000000000001"


@pytest.fixture(scope="module")
def namespace(cluster):
    name = f"runs-{secrets.token_hex(4)}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")


def pod(task, image, script="exit 0", **container):
    node = f"csad-training-x7k2p.root.{task}.executor(0)"
    about = {
        "name": task,
        "labels": {"pipeline/runid": RUN},
        "annotations": {"workflows.argoproj.io/node-name": node},
    }
    main = {"name": "main", "image": image, "imagePullPolicy": "Never", "command": ["sh", "-c", script], **container}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": about,
        "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [main]},
    }


def test_each_pod_says_what_it_waits_for_or_how_it_ended(cluster, base_image, namespace, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", cluster.environment["KUBECONFIG"])
    key = {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "csad-store", "key": "access_key"}}}
    pods = [
        pod("ingest", base_image, env=[key]),
        pod("masks", "csad-none:1"),
        pod("segnet", base_image, resources={"requests": {"cpu": "4000"}}),
        pod("lgst", base_image, script="exit 1"),
        pod("statistics", base_image, script="sleep 1000"),
        pod("gate", base_image, script="exit 0"),
    ]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": pods})
    cluster.kubectl("-n", namespace, "apply", "--filename", "-", text=text)

    wanted = {
        ".root.ingest.executor(0)": ("CreateContainerConfigError", True),
        ".root.masks.executor(0)": ("ErrImageNeverPull", True),
        ".root.segnet.executor(0)": ("Unschedulable", True),
        ".root.lgst.executor(0)": ("Error", False),
    }
    deadline, found = time.monotonic() + 120, {}
    while time.monotonic() < deadline and found != wanted:
        seen = Lookout.open(namespace).look(RUN)
        found = {one.path: (one.reason, one.waiting) for one in seen.troubles}
        time.sleep(1)

    assert found == wanted
    texts = {one.path: one.to_text() for one in seen.troubles}
    assert 'secret "csad-store" not found' in texts[".root.ingest.executor(0)"]
    assert f"namespace {namespace}: python -m pipelines doctor" in texts[".root.ingest.executor(0)"]
    assert "Insufficient cpu" in texts[".root.segnet.executor(0)"]
    assert "exit code 1" in texts[".root.lgst.executor(0)"]
    assert (seen.gone, seen.note) == (None, "this cluster has no Argo Workflows; is KUBECONFIG the right one?")
