"""Requests to this machine go straight, those to others through the proxy that the environment names."""

import json
import re
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from csad.common.errors import ServingError
from csad.serving.client import ScoringClient, ServerAway
from csad.serving.proxy import is_this_machine, proxy_of, route

DECISION = {"score": 1.0, "threshold": 2.0, "anomalous": False}
DOCKERFILE = Path(__file__).parents[2] / "images/serve/Dockerfile"


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def listener():
    """A server that answers every request with `status`, and remembers the lines that it was asked with."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.answer()

        def do_POST(self):
            self.answer()

        def answer(self):
            self.server.asked.append(self.requestline)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(self.server.status)
            self.end_headers()
            self.wfile.write(json.dumps(DECISION if self.server.status == 200 else {"message": "blocked"}).encode())

        def log_message(self, *arguments):
            """Keep the tests' output short."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.status = [], 200
    server.address = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def nobody():
    """An address on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST.", "scorer.localhost", "127.0.0.1", "127.8.9.1", "127.1", "::1", "0.0.0.0",
             "::ffff:127.0.0.1"]
)  # fmt: skip
def test_this_machine_is_known_by_all_its_names(host):
    assert is_this_machine(host)


@pytest.mark.parametrize("host", ["scorer", "localhost.example.com", "10.0.0.1", "128.0.0.1", "::2", "", "1270.0.0.1"])
def test_other_machines_are_not_taken_for_it(host):
    assert not is_this_machine(host)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_an_image_for_this_machine_never_takes_the_proxy(listener, nobody, name, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://{nobody}")
    monkeypatch.setenv("no_proxy", "elsewhere")
    assert ScoringClient(f"http://{name}:{listener.server_port}").score(b"image", "a.png") == DECISION
    assert listener.asked == ["POST /score HTTP/1.1"]


def test_an_image_for_another_machine_takes_the_proxy(listener, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://{listener.address}")
    assert ScoringClient("http://scorer.invalid:3000").score(b"image", "a.png") == DECISION
    assert listener.asked == ["POST http://scorer.invalid:3000/score HTTP/1.1"]


def test_a_proxy_that_is_away_or_refuses_is_named_without_its_login(listener, nobody, monkeypatch):
    client = ScoringClient("http://scorer.invalid:3000")
    monkeypatch.setenv("http_proxy", f"http://user:secret@{nobody}")
    named = rf"through the proxy {nobody} of http_proxy; no_proxy=scorer\.invalid goes straight"
    with pytest.raises(ServerAway, match=named) as away:
        client.score(b"image", "a.png")
    assert "secret" not in str(away.value)

    listener.status = 403
    monkeypatch.setenv("http_proxy", f"http://{listener.address}")
    with pytest.raises(ServingError, match=rf"through the proxy {listener.address} of http_proxy"):
        client.score(b"image", "a.png")


def test_a_host_that_needs_no_proxy_is_written_as_it_is(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "scorer")
    assert route("http://scorer:3000") == "http://scorer:3000"
    assert route("http://127.0.0.1:3000") == "http://127.0.0.1:3000"
    assert proxy_of("http://other:3000") == "http://proxy:3128"
    assert proxy_of("https://other:3000") is None


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_health_check_of_the_image_asks_the_service_itself(listener, nobody, status, code):
    (command,) = re.findall(r"^HEALTHCHECK .*\\\n    CMD (\[.*\])$", DOCKERFILE.read_text(), re.MULTILINE)
    listener.status = status
    environment = {"CSAD_PORT": str(listener.server_port), "http_proxy": f"http://{nobody}", "no_proxy": "elsewhere"}
    done = subprocess.run([sys.executable, *json.loads(command)[1:]], env=environment, check=False, timeout=20)
    assert done.returncode == code
    assert listener.asked == ["GET /livez HTTP/1.1"]
