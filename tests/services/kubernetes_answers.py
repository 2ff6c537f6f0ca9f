"""A Kubernetes API server that answers what it is given: objects to look at, and who may do what."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.deployment.api_server import write_kubeconfig

KINDS = {"namespaces": "Namespace", "nodes": "Node"}
NAMESPACED = {
    "secrets": "Secret",
    "serviceaccounts": "ServiceAccount",
    "services": "Service",
    "persistentvolumeclaims": "PersistentVolumeClaim",
}
STORAGE = "storage.k8s.io"
STORAGE_KINDS = {"storageclasses": "StorageClass"}


class Kubernetes:
    """What the server knows.

    Attributes:
        objects: Path below /api/v1, or that of StorageClasses, -> object, such as "namespaces/csad/secrets/csad-store".
        allowed: Says for a user, a namespace, and "verb resource" whether that is allowed.
        refused: Paths that are answered with 403.
    """

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.allowed: Callable[[str, str, str], bool] = lambda user, namespace, what: True
        self.refused: set[str] = set()

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and content."""
        below = path.removeprefix("/api/v1/").removeprefix(f"/apis/{STORAGE}/v1/")
        if path == "/version":
            return 200, {"major": "1", "minor": "30"}
        if path == "/apis":
            version = {"groupVersion": f"{STORAGE}/v1", "version": "v1"}
            group = {"name": STORAGE, "versions": [version], "preferredVersion": version}
            return 200, {"kind": "APIGroupList", "groups": [group]}
        if path == "/api/v1":
            resources = _resources(KINDS, False) + _resources(NAMESPACED, True)
            return 200, {"kind": "APIResourceList", "groupVersion": "v1", "resources": resources}
        if path == f"/apis/{STORAGE}/v1":
            resources = _resources(STORAGE_KINDS, False)
            return 200, {"kind": "APIResourceList", "groupVersion": f"{STORAGE}/v1", "resources": resources}
        if any(part in below for part in self.refused):
            return 403, {"kind": "Status", "message": f"{below} is forbidden"}
        if method == "POST" and path.endswith("/subjectaccessreviews"):
            asked = body["spec"]["resourceAttributes"]
            what = "/".join(filter(None, (f"{asked['verb']} {asked['resource']}", asked.get("subresource"))))
            return 201, {**body, "status": {"allowed": self.allowed(body["spec"]["user"], asked["namespace"], what)}}
        if below in KINDS | STORAGE_KINDS:
            items = [one for key, one in self.objects.items() if key.startswith(f"{below}/") and key.count("/") == 1]
            return 200, {"kind": f"{(KINDS | STORAGE_KINDS)[below]}List", "items": items}
        found = self.objects.get(below)
        return (200, found) if found else (404, {"kind": "Status", "message": f"{below} not found"})


def _resources(kinds: dict[str, str], namespaced: bool) -> list[dict[str, Any]]:
    return [
        {"name": name, "kind": kind, "namespaced": namespaced, "singularName": "", "verbs": ["get", "list"]}
        for name, kind in kinds.items()
    ]


@contextmanager
def kubernetes_server(kubeconfig: Path) -> Iterator[Kubernetes]:
    """Start one, and write the kubeconfig that names it."""
    known = Kubernetes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            status, content = known.answer(self.command, self.path.partition("?")[0], body)
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, args=(0.05,))
    thread.start()
    try:
        write_kubeconfig(kubeconfig, f"http://127.0.0.1:{http.server_port}")
        yield known
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
