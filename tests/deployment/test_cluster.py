"""Connecting, with an API server that knows one kind."""

import json
import socket
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from kubernetes import client
from kubernetes.dynamic import DynamicClient

from csad.common.errors import DeploymentError
from csad.deployment import cluster as cluster_module
from csad.deployment import cluster_api
from csad.deployment.cluster import Cluster, Kind
from tests.deployment.api_server import write_kubeconfig

PODS = {"name": "pods", "kind": "Pod", "namespaced": True, "singularName": "", "verbs": ["get", "list"]}
POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one", "namespace": "lines"}}
ANSWERS = {
    "/version": {"major": "1", "minor": "30"},
    "/apis": {"kind": "APIGroupList", "groups": []},
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [PODS]},
    "/api/v1/namespaces/lines/pods/one": POD,
}


FAILURES: list[int] = []
"""HTTP statuses of the next answers."""


class Api(BaseHTTPRequestHandler):
    """Answers what a client asks first, and for one pod."""

    def do_GET(self) -> None:
        if FAILURES:
            self.send_error(FAILURES.pop())
            return
        answer = ANSWERS.get(self.path)
        body = json.dumps(answer or {"message": f"no {self.path}"}).encode()
        self.send_response(404 if answer is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def api() -> Iterator[client.ApiClient]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    settings = client.Configuration()
    settings.host = f"http://127.0.0.1:{server.server_port}"
    yield client.ApiClient(settings)
    server.shutdown()
    thread.join()
    server.server_close()


def test_connections_leave_no_files(
    api: client.ApiClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for cluster in (first := Cluster(api, "lines"), first.clone()):
        assert cluster.find(Kind.POD, "one") == POD
        assert not cluster.offers(Kind.DEPLOYMENT)
    assert list(tmp_path.iterdir()) == []
    assert caplog.messages == []


def test_what_another_program_remembers_of_a_cluster_is_not_believed(
    api: client.ApiClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert DynamicClient(api).resources.search(api_version="v1", kind="Pod")
    assert list(tmp_path.iterdir()), "the client remembers nothing: the test would prove nothing"
    monkeypatch.setitem(ANSWERS, "/api/v1", {**ANSWERS["/api/v1"], "resources": []})
    assert not Cluster(api, "lines").offers(Kind.POD)


def test_a_lookup_that_an_outage_cuts_off_is_made_again(api: client.ApiClient):
    cluster = Cluster(api, "lines")
    FAILURES.extend([503, 503])
    assert cluster.find(Kind.POD, "one") == POD
    assert FAILURES == []


def test_a_kind_that_is_absent_is_absent_also_when_the_server_fails_once(
    api: client.ApiClient, monkeypatch: pytest.MonkeyPatch
):
    cluster = Cluster(api, "lines")
    monkeypatch.setattr(f"{__name__}.FAILURES", [503])
    assert not cluster.offers(Kind.AUTOSCALER)
    assert FAILURES == []
    assert cluster.offers(Kind.POD)


def test_a_server_that_fails_for_long_is_named_when_it_is_asked_for_a_kind(
    api: client.ApiClient, monkeypatch: pytest.MonkeyPatch
):
    cluster = Cluster(api, "lines")
    monkeypatch.setattr(cluster_module, "PATIENCE", 0.3)
    monkeypatch.setattr(f"{__name__}.FAILURES", [503] * 9)
    with pytest.raises(DeploymentError, match="cannot ask the cluster for HorizontalPodAutoscaler in autoscaling/v2"):
        cluster.offers(Kind.AUTOSCALER)


def test_a_task_waits_longer_than_a_command_for_a_server_that_fails(
    api: client.ApiClient, monkeypatch: pytest.MonkeyPatch
):
    cluster = Cluster(api, "lines")
    assert cluster.find(Kind.POD, "one") == POD
    monkeypatch.setattr(cluster_module, "PATIENCE", 0.0)
    monkeypatch.setenv("CSAD_PATIENCE", "60")
    monkeypatch.setattr(f"{__name__}.FAILURES", [503] * 4)
    assert cluster.find(Kind.POD, "one") == POD


def test_a_missing_role_fails_at_once_also_in_a_task(api: client.ApiClient, monkeypatch: pytest.MonkeyPatch):
    cluster = Cluster(api, "lines")
    monkeypatch.setenv("CSAD_PATIENCE", "60")
    answers = [404, 403]  # the last one is taken first
    monkeypatch.setattr(f"{__name__}.FAILURES", answers)
    with pytest.raises(DeploymentError, match="needs the Role of manifests/base"):
        cluster.find(Kind.POD, "one")
    assert answers == [404]


@pytest.fixture
def silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where a server takes every connection and never answers; the kubeconfig names it."""
    monkeypatch.setattr(cluster_api, "ANSWER_SECONDS", 1)
    monkeypatch.setattr(cluster_module, "PATIENCE", 0.3)
    with socket.create_server(("127.0.0.1", 0), backlog=32) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        write_kubeconfig(tmp_path / "config", address)
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
        yield address


@pytest.mark.timeout(60)
def test_connecting_to_a_cluster_that_takes_connections_but_stays_silent_ends(silent: str):
    with pytest.raises(DeploymentError, match=f"the Kubernetes API at {silent} does not answer"):
        Cluster.connect("lines")


@pytest.mark.timeout(60)
def test_a_cluster_that_falls_silent_later_does_not_keep_a_deployer_for_ever(
    api: client.ApiClient, silent: str, monkeypatch: pytest.MonkeyPatch
):
    cluster = Cluster(api, "lines").clone()
    assert cluster.find(Kind.POD, "one") == POD
    monkeypatch.setattr(api.configuration, "host", silent)
    for ask in (lambda: cluster.find(Kind.POD, "one"), lambda: cluster.scale("bottles", 2), cluster.clone):
        with pytest.raises(DeploymentError, match=f"the Kubernetes API at {silent} does not answer"):
            ask()
