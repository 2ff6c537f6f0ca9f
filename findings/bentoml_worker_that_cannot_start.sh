#!/usr/bin/env bash
# A service whose worker cannot start does not end `bentoml serve`: the supervisor starts the worker again and again,
# nothing listens on the port, and asked to end it exits with 0. Whoever waits for an exit code (systemd, a container
# without probes, a smoke test) sees a healthy process. A readiness probe, or the worker itself, has to say otherwise.
# Seen with bentoml 1.4.39 on Python 3.11. Run by hand; needs Python 3.11 and a package index. Fails when that changes.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.11}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check bentoml==1.4.39
cat > "$folder/service.py" << 'PYTHON'
import bentoml


@bentoml.service(workers=1)
class Scorer:
    def __init__(self) -> None:
        raise FileNotFoundError("the model is missing")

    @bentoml.api
    def score(self, value: float) -> float:
        return value
PYTHON
cat > "$folder/try.py" << 'PYTHON'
import socket
import subprocess
import sys
import time
from pathlib import Path

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
log = Path("log")
command = [sys.executable, "-m", "bentoml", "serve", "service:Scorer", "--host", "127.0.0.1", "--port", str(port)]
with log.open("w") as words:
    server = subprocess.Popen(command, stdout=words, stderr=words)
deadline = time.monotonic() + 120
while time.monotonic() < deadline and log.read_text().count("FileNotFoundError: the model is missing") < 3:
    time.sleep(0.5)
print("starts of the worker:", "at least 3" if time.monotonic() < deadline else "fewer than 3")
print("server ended by itself:", server.poll() is not None)
server.terminate()
print("exit code when asked to end:", server.wait(60))
PYTHON
cd "$folder"
seen="$(BENTOML_DO_NOT_TRACK=1 BENTOML_HOME="$folder/home" "$folder/venv/bin/python" -W ignore try.py)"
echo "$seen"
wanted='starts of the worker: at least 3
server ended by itself: False
exit code when asked to end: 0'
[[ "$seen" == "$wanted" ]] || { echo "bentoml no longer behaves as described here" >&2; exit 1; }
echo "as described: bentoml 1.4.39"
