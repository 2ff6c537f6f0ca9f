#!/usr/bin/env bash
# Kubernetes' Python DynamicClient does not survive an outage of the API server while it looks up a kind. It answers a
# 503 by looking everything up anew, empties its cache first, and where that is cut off as well, every later lookup
# of that group ends in KeyError: 'resources', although the server is back. Only a new client helps.
# Seen with kubernetes 30.1.0 on Python 3.11, against a server of 30 lines that answers like an API server starting.
# Run by hand; needs Python 3.11 and a package index. Fails when that changes.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.11}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check kubernetes==30.1.0
cat > "$folder/try.py" << 'PYTHON'
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from kubernetes import client
from kubernetes.dynamic import DynamicClient

DEPLOYMENTS = {"name": "deployments", "kind": "Deployment", "namespaced": True, "verbs": ["get"]}
APPS = {"groupVersion": "apps/v1", "version": "v1"}
ANSWERS = {
    "/version": {"major": "1", "minor": "34"},
    "/apis": {"kind": "APIGroupList", "groups": [{"name": "apps", "versions": [APPS], "preferredVersion": APPS}]},
    "/apis/apps/v1": {"kind": "APIResourceList", "resources": [DEPLOYMENTS]},
}
starting = threading.Event()


class Server(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({} if starting.is_set() else ANSWERS[self.path]).encode()
        self.send_response(503 if starting.is_set() else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
settings = client.Configuration(host=f"http://127.0.0.1:{server.server_port}")


def new_client():
    return DynamicClient(client.ApiClient(settings), cache_file="/dev/null/none")


def look_up(dynamic):
    try:
        return dynamic.resources.get(api_version="apps/v1", kind="Deployment").kind
    except Exception as error:
        return f"{type(error).__name__} {str(error).splitlines()[0]}"


old = new_client()
starting.set()
print("while the server starts:", look_up(old))
starting.clear()
print("afterwards:", look_up(old))
print("a new client:", look_up(new_client()))
server.shutdown()
PYTHON
cd "$folder"
seen="$("$folder/venv/bin/python" -W ignore try.py 2> /dev/null)"
echo "$seen"
wanted="while the server starts: ServiceUnavailableError 503
afterwards: KeyError 'resources'
a new client: Deployment"
[[ "$seen" == "$wanted" ]] || { echo "kubernetes no longer behaves as described here" >&2; exit 1; }
echo "as described: kubernetes 30.1.0"
