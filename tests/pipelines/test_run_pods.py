"""Why pods of a run wait, read from a Kubernetes API; the objects are as kubelet, scheduler and Argo write them."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from kfp_client.server_runs import RunServer
from pipelines.__main__ import main
from pipelines.run_list import stuck_runs
from pipelines.run_pods import Lookout, pod_troubles
from tests.deployment import api_server
from tests.pipelines.test_runs import end, submit
from tests.services.kfp_workflow import Workflow

WORKFLOW = "csad-training-x7k2p"
NO_ROOM = "0/1 nodes are available: 1 Insufficient cpu."


def pod(status, node="root.segnet.executor(0)", created="2026-01-01T00:00:00Z"):
    about = {
        "name": f"{WORKFLOW}-1",
        "namespace": "kubeflow",
        "creationTimestamp": created,
        "annotations": {"workflows.argoproj.io/node-name": f"{WORKFLOW}.{node}"},
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": about, "status": status}


def waiting(reason, message=""):
    container = {"name": "main", "state": {"waiting": {"reason": reason, "message": message}}}
    return {"phase": "Pending", "containerStatuses": [container]}


def unschedulable():
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": NO_ROOM}
    return {"phase": "Pending", "conditions": [condition]}


def ended(code, reason):
    containers = [
        {"name": "wait", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}},
        {"name": "main", "state": {"terminated": {"exitCode": code, "reason": reason}}},
    ]
    return {"phase": "Failed", "containerStatuses": containers}


@pytest.fixture
def kubernetes(monkeypatch, tmp_path):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "reached-straight")
    with api_server.running() as api:
        api_server.write_kubeconfig(tmp_path / "kubeconfig", api.address)
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
        yield api


def put(api, kind, body):
    api.objects[kind, body["metadata"]["name"]] = body


def workflow_object(nodes=(), **status):
    named = {f"{WORKFLOW}-{i}": {"name": f"{WORKFLOW}{path}", **node} for i, (path, node) in enumerate(nodes)}
    about = {"name": WORKFLOW, "namespace": "kubeflow"}
    kind = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow"}
    return {**kind, "metadata": about, "status": {"nodes": named, **status}}


@pytest.mark.parametrize(
    ("status", "reason", "part", "waits"),
    [
        (waiting("CreateContainerConfigError", 'secret "csad-store" not found'), "CreateContainerConfigError",
         'secret "csad-store" not found; a secret or one of its keys is missing in namespace kubeflow', True),
        (waiting("ImagePullBackOff", "Back-off pulling image"), "ImagePullBackOff", "the image cannot be pulled", True),
        (unschedulable(), "Unschedulable", f"{NO_ROOM}; no node has room", True),
        (ended(137, "OOMKilled"), "OOMKilled", "it needs more memory than its limit", False),
        (ended(1, "Error"), "Error", "the container ended with exit code 1", False),
        ({"phase": "Failed", "reason": "DeadlineExceeded", "message": "Pod was active too long"}, "DeadlineExceeded",
         "its time is over", False),
    ],
)  # fmt: skip
def test_a_pod_says_why_it_waits_or_how_it_ended(status, reason, part, waits):
    (trouble,) = pod_troubles(pod(status))
    assert (trouble.reason, trouble.waiting, trouble.path) == (reason, waits, ".root.segnet.executor(0)")
    assert part in trouble.to_text()


@pytest.mark.parametrize(
    "status",
    [{"phase": "Running"}, {"phase": "Succeeded"}, waiting("ContainerCreating"), waiting("PodInitializing")],
)
def test_a_pod_on_its_way_is_no_trouble(status):
    assert pod_troubles(pod(status)) == []


def test_why_names_what_a_stage_waits_for(kfp, kubernetes):
    run = submit(kfp)
    tasks = Workflow()
    tasks.task("ingest", "SUCCEEDED", 5, 45)
    tasks.task("segnet", "RUNNING", 45, None)
    end(kfp, run, tasks, "RUNNING")
    put(kubernetes, "Pod", pod(unschedulable()))
    put(kubernetes, "Workflow", workflow_object())

    told = json.loads(CliRunner().invoke(main, ["why", run, "--json"]).output)

    ingest, segnet = told["stages"]
    assert ingest["waits"] == ""
    assert segnet["waits"].startswith(f"Unschedulable: {NO_ROOM}")
    assert told["reasons"] == [f"segnet: {segnet['waits']}"]
    assert (told["state"], told["notes"]) == ("running", [])
    listed = CliRunner().invoke(main, ["runs"]).output
    assert f"Unschedulable: {NO_ROOM}" in listed


def test_a_run_whose_workflow_was_deleted_is_gone_though_the_server_says_running(kfp, kubernetes):
    run = submit(kfp)
    kfp.change(run, "RUNNING")
    told = json.loads(CliRunner().invoke(main, ["why", run, "--json"]).output)
    assert told["state"] == "gone"
    assert "the server will say RUNNING for ever" in told["reasons"][0]
    (listed,) = json.loads(CliRunner().invoke(main, ["runs", "--json"]).output)["runs"]
    assert listed["state"] == "gone"


def test_a_finished_run_is_not_gone_when_kubeflow_has_cleaned_up(kfp, kubernetes):
    run = submit(kfp)
    kfp.change(run, "SUCCEEDED")
    assert json.loads(CliRunner().invoke(main, ["why", run, "--json"]).output)["state"] == "succeeded"


def test_what_argo_says_is_the_reason_where_nothing_else_is_known(kfp, kubernetes):
    run = submit(kfp)
    tasks = Workflow()
    tasks.task("segnet", "FAILED", 5, 45)
    end(kfp, run, tasks, "FAILED")
    failed = {"phase": "Error", "message": "pod deleted"}
    put(kubernetes, "Workflow", workflow_object([(".root.segnet.executor(0)", failed)], message="child failed"))
    told = json.loads(CliRunner().invoke(main, ["why", run, "--json"]).output)
    assert told["reasons"] == ["segnet: pod deleted"]


def test_what_may_not_be_read_is_noted(kubernetes):
    kubernetes.refused.add("GET Pod")
    seen = Lookout.open("kubeflow").look("one")
    assert seen.gone is None
    assert "Kubernetes was not asked: cannot list Pods in namespace kubeflow" in seen.note


def test_runs_whose_pods_could_not_start_for_long_are_stopped_with_the_reason(kfp, kubernetes):
    run = submit(kfp)
    kfp.change(run, "RUNNING")
    put(kubernetes, "Workflow", workflow_object())
    put(kubernetes, "Pod", pod(waiting("CreateContainerConfigError", 'secret "csad-store" not found')))
    server, created = RunServer.connect(), datetime(2026, 1, 1, tzinfo=UTC)
    hour = timedelta(hours=1)
    assert stuck_runs(server, hour, now=created + timedelta(minutes=59)) == []
    ((found, reason),) = stuck_runs(server, hour, now=created + timedelta(minutes=61))
    assert found.run_id == run
    assert 'secret "csad-store" not found' in reason

    done = CliRunner().invoke(main, ["stop", "--stuck-minutes", "60"])

    assert 'is stopped: CreateContainerConfigError: secret "csad-store" not found' in done.output
    assert kfp.runs[run]["state"] == "FAILED"


def test_without_kubernetes_nothing_is_stopped_as_stuck(kfp, monkeypatch, tmp_path):
    run = submit(kfp)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    done = CliRunner().invoke(main, ["stop", "--stuck-minutes", "60"])
    assert done.exit_code == 1
    assert "Kubernetes was not asked" in done.output
    assert kfp.runs[run]["state"] == "PENDING"
