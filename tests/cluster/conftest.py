"""A Docker engine and a one-node cluster for tests; what needs one is skipped, with the reason, where it is missing.

An engine and a cluster that DOCKER_HOST and KUBECONFIG name are used with CSAD_TEST_CLUSTER=1 only: tests make and
remove namespaces there. Otherwise the checkout beside this one may hold a test cluster; it is started once, and stopped
at the end if it did not run before.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from csad.store.settings import StoreSettings

ROOT = Path(__file__).parents[2]
KUBE = ROOT.parent / "shared" / "kube"
EXPORT = re.compile(r"^export (\w+)=['\"]?(.*?)['\"]?$", re.MULTILINE)


@dataclass(frozen=True)
class Cluster:
    """How to reach what runs.

    Attributes:
        environment: The process's own, with DOCKER_HOST and KUBECONFIG.
        host: Address under which containers reach a server of this machine that listens on 127.0.0.1.
    """

    environment: dict[str, str]
    host: str

    def run(
        self, *command: str | Path, text: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a program beside this interpreter, or on the path."""
        beside = Path(sys.executable).parent / command[0]
        program = str(beside) if beside.is_file() else str(command[0])
        done = subprocess.run(
            [program, *map(str, command[1:])],
            input=text,
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, f"{command}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        return done

    def kubectl(self, *arguments: str | Path, text: str | None = None, check: bool = True) -> str:
        """Run kubectl; what it says."""
        return self.run("kubectl", *arguments, text=text, check=check).stdout.strip()

    def make_store_secret(self, namespace: str, name: str, port: str | int, settings: StoreSettings) -> None:
        """Make the keys to the store as manifests/store-secret names them; it is reached by a port of this machine."""
        keys = {
            "endpoint": f"http://{self.host}:{port}",
            "bucket": settings.bucket,
            "access_key": settings.access_key,
            "secret_key": settings.secret_key,
        }
        given = [f"--from-literal={key}={value}" for key, value in keys.items()]
        self.kubectl("-n", namespace, "create", "secret", "generic", name, *given)


MINUTES = 20
"""What a test may take: the first one that needs images builds them, from packages of the registry."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test of this folder its time."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(60 * MINUTES), append=False)


@pytest.fixture(scope="session")
def started() -> Iterator[dict[str, str]]:
    """The environment in which docker and kubectl find their servers."""
    if os.environ.get("CSAD_TEST_CLUSTER") == "1":
        yield dict(os.environ)
        return
    if not (KUBE / "up").is_file():
        pytest.skip(f"CSAD_TEST_CLUSTER is not 1, and there is no {KUBE}/up to start a cluster with")
    begun = time.time()
    done = subprocess.run([KUBE / "up"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the test cluster does not start here: {done.stderr.strip().splitlines()[-1:]}")
    told = dict(EXPORT.findall(done.stdout))
    # A cluster that is started gets new credentials; one that runs keeps its own.
    started_here = Path(told["KUBECONFIG"]).stat().st_mtime > begun
    yield {**os.environ, **told}
    if started_here:
        subprocess.run([KUBE / "down"], capture_output=True, check=False)


@pytest.fixture(scope="session")
def docker(started: dict[str, str]) -> Cluster:
    """A Docker engine that answers."""
    cluster = _cluster(started)
    if shutil.which("docker") is None:
        pytest.skip("the docker command is not installed")
    if cluster.run("docker", "version", check=False).returncode:
        pytest.skip("no Docker engine answers")
    return cluster


@pytest.fixture(scope="session")
def cluster(started: dict[str, str]) -> Cluster:
    """A Kubernetes API server that answers."""
    cluster = _cluster(started)
    if cluster.run("kubectl", "version", "--request-timeout=10s", check=False).returncode:
        pytest.skip("no Kubernetes API server answers")
    return cluster


@pytest.fixture(scope="session")
def base_image(docker: Cluster) -> str:
    """An image of Debian with CPython 3.11."""
    name = os.environ.get("PYTHON_IMAGE", "python:3.11-slim")
    if (
        docker.run("docker", "image", "inspect", name, check=False).returncode
        and docker.run("docker", "pull", "--quiet", name, check=False).returncode
        and (not (KUBE / "base-image").is_file() or docker.run(KUBE / "base-image", check=False).returncode)
    ):
        pytest.skip(f"{name} can be neither pulled nor made here")
    return name


@pytest.fixture(scope="session")
def builder(docker: Cluster, base_image: str) -> Cluster:
    """The Docker engine, with what images/build needs: the wheel of this tree, and pins of a torch within reach."""
    from tests.images_build.torch_stand_in import make_wheelhouse

    environment = {**docker.environment, "PYTHON_IMAGE": base_image}
    names = {"CONSTRAINTS": "constraints.txt", "CONSTRAINTS_FOUNDATION": "constraints-foundation.txt"}
    pins = make_wheelhouse(ROOT / "dist" / "wheelhouse", *(ROOT / name for name in names.values()))
    if pins:
        environment |= {"TORCH_INDEX_URL": ""}
        environment |= {name: str(file.relative_to(ROOT)) for name, file in zip(names, pins, strict=True)}
    building = Cluster(environment, docker.host)
    building.run("make", "--silent", "wheel")
    return building


@pytest.fixture(scope="session")
def csad_images(builder: Cluster) -> dict[str, str]:
    """The train and serve images of this tree by name; parts that an earlier build made are not made again."""
    return _build(builder, "train", "serve")


@pytest.fixture(scope="session")
def foundation_image(builder: Cluster) -> str:
    """The image of tagging and masks."""
    return _build(builder, "foundation")["foundation"]


def _build(builder: Cluster, *names: str) -> dict[str, str]:
    told = builder.run("images/build", *names).stdout.splitlines()
    sizes = [line for line in told if line.startswith("csad-") and line.endswith(" MB")]
    print("\n" + "\n".join(sizes))
    return {line.split(":")[0].removeprefix("csad-"): line.split()[0] for line in sizes}


def _cluster(environment: dict[str, str]) -> Cluster:
    return Cluster(environment, environment.get("KUBE_TEST_LOOPBACK_IP", "host.docker.internal"))
