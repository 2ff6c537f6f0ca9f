"""`images/push` against a real registry on this machine."""

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

CONFIGURATION = """
version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""
TAG = "0.0.1-trial"
STRAIGHT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Through no proxy: it would look for the registry on its own machine."""


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("docker-registry is not installed (Debian has it under that name)")
    folder = tmp_path_factory.mktemp("registry")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "config.yaml").write_text(CONFIGURATION.format(folder=folder / "data", port=port))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", folder / "config.yaml"], stdout=log, stderr=log)
    try:
        wait_for(f"http://127.0.0.1:{port}/v2/")
        yield f"127.0.0.1:{port}/team"
    finally:
        process.terminate()
        process.wait(30)


def wait_for(address):
    deadline = time.monotonic() + 30
    while True:
        try:
            STRAIGHT.open(address, timeout=2)
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


@pytest.fixture(scope="module")
def built(docker, tmp_path_factory):
    """Images of a few bytes in place of the real ones."""
    folder = tmp_path_factory.mktemp("images")
    names = {name: f"csad-{name}:{TAG}" for name in ("train", "serve")}
    for name, tag in names.items():
        (folder / "Dockerfile").write_text(f"FROM scratch\nCOPY Dockerfile /{name}\n")
        docker.run("docker", "build", "--quiet", "--tag", tag, folder)
    yield names
    docker.run("docker", "image", "rm", *names.values(), check=False)


def test_what_was_pushed_is_locked_by_the_digest_that_the_registry_has(docker, registry, built, tmp_path):
    lock = tmp_path / "images.lock"
    lock.write_text(json.dumps({"csad-foundation": "elsewhere/csad-foundation@sha256:1", "csad-train": "old@sha256:2"}))
    done = docker.run("env", f"IMAGES_LOCK={lock}", "images/push", registry, TAG)
    locked = json.loads(lock.read_text())

    assert "csad-foundation:0.0.1-trial was not built" in done.stderr
    assert locked["csad-foundation"] == "elsewhere/csad-foundation@sha256:1"
    for name in built:
        repository, _, digest = locked[f"csad-{name}"].partition("@")
        assert repository == f"{registry}/csad-{name}"
        host, _, path = repository.partition("/")
        manifest = f"http://{host}/v2/{path}/manifests/{digest}"
        accept = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
        with STRAIGHT.open(urllib.request.Request(manifest, headers=accept)) as answer:
            assert answer.headers["Docker-Content-Digest"] == digest
    for name in built:
        docker.run("docker", "image", "rm", f"{registry}/csad-{name}:{TAG}")


def test_nothing_built_is_an_error(docker, registry, tmp_path):
    lock = tmp_path / "images.lock"
    done = docker.run("env", f"IMAGES_LOCK={lock}", "images/push", registry, "0.0.2-never", check=False)
    assert done.returncode == 1
    assert "there is no image to push" in done.stderr
    assert not lock.exists()
