"""One real server with the tiny model for all tests of the service; others where a test needs its own settings."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from csad.serving.proxy import opener_for

START_SECONDS = 240


@dataclass(frozen=True)
class Server:
    """A running `csad serve`."""

    url: str
    process: subprocess.Popen
    log: Path

    def post(self, path: str, **arguments) -> requests.Response:
        return requests.post(self.url + path, timeout=60, **arguments)

    def get(self, path: str, **arguments) -> requests.Response:
        return requests.get(self.url + path, timeout=60, **arguments)

    def figures(self) -> dict[str, float]:
        """The metrics by name with labels."""
        lines = self.get("/metrics").text.splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextmanager
def serving(model: Path, folder: Path, port: int | None = None, **settings: str) -> Iterator[Server]:
    """Start `csad serve` and wait until it is ready; end it afterwards."""
    port = port or free_port()
    log = folder / "server.log"
    environment = os.environ | {"BENTOML_HOME": str(folder / "bentoml"), "NO_PROXY": "127.0.0.1"} | settings
    command = [sys.executable, "-m", "csad.cli", "serve", str(model), "--port", str(port)]
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment, start_new_session=True)
    server = Server(f"http://127.0.0.1:{port}", process, log)
    try:
        _wait_until_ready(server)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()


def _wait_until_ready(server: Server) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        assert server.process.poll() is None, server.log.read_text()
        try:
            with opener_for(server.url).open(server.url + "/readyz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"not ready after {START_SECONDS} s:\n{server.log.read_text()}")


@pytest.fixture(scope="session")
def server(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Without a token and with the default limits, but for 100,000 pixels and 1,000,000 bytes."""
    folder = tmp_path_factory.mktemp("server")
    with serving(tiny_model, folder, CSAD_MAX_PIXELS="100000", CSAD_MAX_BYTES="1000000", CSAD_MAX_FILES="16") as found:
        yield found


@pytest.fixture
def start(tiny_model: Path, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start a server with settings of its own."""
    with ExitStack() as stack:

        def starter(**settings: str) -> Server:
            return stack.enter_context(serving(tiny_model, tmp_path, **settings))

        yield starter


@pytest.fixture(scope="session")
def good(tiny_line_data: Path) -> Path:
    return tiny_line_data / "test" / "good" / "000.png"


@pytest.fixture(scope="session")
def bad(tiny_line_data: Path) -> Path:
    """The disc is missing."""
    return tiny_line_data / "test" / "logical_anomalies" / "000.png"


@pytest.fixture
def unused_port() -> int:
    return free_port()


@pytest.fixture
def serve_on(tiny_model: Path, tmp_path: Path) -> Callable:
    """Start a server on a port of one's choice, as a context manager."""
    return lambda port: serving(tiny_model, tmp_path, port)
