"""A Kubernetes API server in a thread, whose Deployments are complete at once, and the services that they would run.

The client, the lease and every step of a deployment are the real ones. What only pods can show is in tests/cluster.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import yaml

from csad.deployment.names import SLOT_LABEL, VERSION_LABEL, Slot
from csad.packaging.smoke import Answer

KINDS = {
    "/api/v1": {"services": "Service", "pods": "Pod", "events": "Event"},
    "/apis/apps/v1": {"deployments": "Deployment", "replicasets": "ReplicaSet"},
    "/apis/coordination.k8s.io/v1": {"leases": "Lease"},
    "/apis/networking.k8s.io/v1": {"networkpolicies": "NetworkPolicy"},
    "/apis/policy/v1": {"poddisruptionbudgets": "PodDisruptionBudget"},
    "/apis/argoproj.io/v1alpha1": {"workflows": "Workflow"},
}


class ApiServer:
    """Holds the objects of one namespace and notes what happens to requests.

    Attributes:
        objects: Kind and name -> object.
        sent_to: Versions to which the line's Service sent requests, in order.
        exchanged: For each exchange of the line's own pods, whether the Service sent requests elsewhere meanwhile.
        deleted: What was deleted, in order, such as "Lease csad-bottles".
        refused: What is answered with 403, such as "DELETE Deployment".
        biases: Version -> what its service adds to every score.
    """

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.sent_to: list[str] = []
        self.exchanged: list[bool] = []
        self.deleted: list[str] = []
        self.refused: set[str] = set()
        self.biases: dict[str, float] = {}
        self.address = ""
        self._changes = 0
        self._lock = threading.RLock()

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        with self._lock:
            return self.objects.get((kind, name))

    def named(self, kind: str) -> list[str]:
        with self._lock:
            return [name for found, name in self.objects if found == kind]

    def of_slot(self, kind: str, slot: str) -> dict[str, Any] | None:
        with self._lock:
            found = (one for (of, _), one in self.objects.items() if of == kind)
            return next((one for one in found if one["metadata"].get("labels", {}).get(SLOT_LABEL) == slot), None)

    def serving(self) -> str | None:
        """The version that gets the requests of the line."""
        service = self.of_slot("Service", Slot.MAIN)
        deployment = self.of_slot("Deployment", service["spec"]["selector"][SLOT_LABEL]) if service else None
        return deployment["spec"]["template"]["metadata"]["labels"][VERSION_LABEL] if deployment else None

    def write(self, kind: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            before = self.objects.get((kind, name))
            if kind == "Deployment" and before:
                self._note_exchange(before, body)
            self._changes += 1
            generation = before["metadata"].get("generation", 1) if before else 0
            same = before is not None and before.get("spec") == body.get("spec")
            about = {"uid": name, "resourceVersion": str(self._changes), "generation": generation + (not same)}
            body = body | {"metadata": body["metadata"] | about}
            if kind == "Deployment":
                body["status"] = complete(body)
            self.objects[kind, name] = body
            self._note_traffic()
            return body

    def apply(self, kind: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Replicas belong to whoever scales, as under server-side apply."""
        before = self.get(kind, name)
        if kind == "Deployment":
            kept = before["spec"]["replicas"] if before else 1
            body = body | {"spec": {"replicas": kept} | body["spec"]}
        return self.write(kind, name, body)

    def delete(self, kind: str, name: str) -> None:
        with self._lock:
            del self.objects[kind, name]
            self.deleted.append(f"{kind} {name}")
            self._note_traffic()

    def _note_exchange(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        ours = after["metadata"]["labels"][SLOT_LABEL] == Slot.MAIN
        if ours and before["spec"]["template"] != after["spec"]["template"]:
            service = self.of_slot("Service", Slot.MAIN)
            elsewhere = service is not None and service["spec"]["selector"][SLOT_LABEL] == Slot.CANDIDATE
            self.exchanged.append(elsewhere and self.of_slot("Deployment", Slot.CANDIDATE) is not None)

    def _note_traffic(self) -> None:
        version = self.serving() or "nothing"
        if self.sent_to[-1:] != [version]:
            self.sent_to.append(version)


class Pods:
    """What a Service's pods would answer; in place of the channel to them."""

    def __init__(self, server: ApiServer, service: str) -> None:
        self._server, self._service = server, service

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        service = self._server.get("Service", self._service)
        deployment = self._server.of_slot("Deployment", service["spec"]["selector"][SLOT_LABEL])
        version = deployment["spec"]["template"]["metadata"]["labels"][VERSION_LABEL]
        score = sum(body) % 1000 / 100 + self._server.biases[version]
        content = {"score": score, "threshold": 5.0, "anomalous": score > 5.0, "model": {"version": version}}
        return Answer(200, json.dumps(content).encode())


class Handler(BaseHTTPRequestHandler):
    """Discovery, and the verbs that a deployer uses."""

    server_of: ClassVar[ApiServer]

    def answer(self, content: object, status: int = 200) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def refuse(self, status: int, why: str) -> None:
        self.answer({"kind": "Status", "message": why}, status)

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/version":
            self.answer({"major": "1", "minor": "30"})
        elif path == "/apis":
            self.answer({"kind": "APIGroupList", "groups": groups()})
        elif path in KINDS:
            self.answer({"kind": "APIResourceList", "resources": resources(path)})
        else:
            self.act()

    def act(self) -> None:
        prefix, _, rest = self.path.partition("?")[0].partition("/namespaces/")
        plural, name, part = [*rest.split("/", 3)[1:], "", ""][:3]
        kind, server = KINDS.get(prefix, {}).get(plural), self.server_of
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        if kind is None:
            self.refuse(404, f"no {self.path}")
        elif f"{self.command} {kind}" in server.refused:
            self.refuse(403, f"{kind} {name} is forbidden")
        elif self.command == "GET" and not name:
            self.answer({"kind": f"{kind}List", "items": [server.get(kind, one) for one in server.named(kind)]})
        elif self.command == "POST":
            name = body["metadata"]["name"]
            self.refuse(409, f"{name} exists") if server.get(kind, name) else self.answer(
                server.write(kind, name, body)
            )
        elif self.command == "PATCH" and not part:
            self.answer(server.apply(kind, name, body))
        elif (found := server.get(kind, name)) is None:
            self.refuse(404, f"there is no {kind} {name}")
        elif self.command == "GET":
            self.answer(found)
        elif self.command == "PATCH":
            self.answer(server.write(kind, name, found | {"spec": found["spec"] | body["spec"]}))
        elif self.command == "DELETE":
            server.delete(kind, name)
            self.answer({"kind": "Status", "status": "Success"})
        elif body["metadata"]["resourceVersion"] != found["metadata"]["resourceVersion"]:
            self.refuse(409, f"{kind} {name} has changed")
        else:
            self.answer(server.write(kind, name, body))

    def do_POST(self) -> None:
        self.act()

    def do_PUT(self) -> None:
        self.act()

    def do_PATCH(self) -> None:
        self.act()

    def do_DELETE(self) -> None:
        self.act()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def complete(deployment: dict[str, Any]) -> dict[str, int]:
    replicas = deployment["spec"]["replicas"]
    numbers = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas", "readyReplicas"), replicas)
    return numbers | {"observedGeneration": deployment["metadata"]["generation"]}


def groups() -> list[dict[str, Any]]:
    found = [path.split("/")[2:] for path in KINDS if path.startswith("/apis/")]
    versions = [(group, {"groupVersion": f"{group}/{version}", "version": version}) for group, version in found]
    return [{"name": group, "versions": [version], "preferredVersion": version} for group, version in versions]


def resources(path: str) -> list[dict[str, Any]]:
    return [
        {"name": plural, "kind": kind, "namespaced": True, "singularName": "", "verbs": ["get", "list", "patch"]}
        for plural, kind in KINDS[path].items()
    ]


def write_kubeconfig(path: Path, address: str) -> None:
    """For the server at an address, which asks nobody who they are."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": address}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(yaml.safe_dump(config))


@contextmanager
def running() -> Iterator[ApiServer]:
    """An API server with an empty namespace."""
    api = ApiServer()
    http = ThreadingHTTPServer(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"server_of": api}))
    http.daemon_threads = True
    api.address = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield api
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
