"""A namespace with a store, a deployer's rights, versions to deploy, and clients that never stop asking."""

import base64
import gzip
import hashlib
import http.client
import io
import itertools
import json
import shutil
import tarfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from csad.config.line import ProductLine
from csad.deployment.cluster import Cluster, Kind
from csad.deployment.cluster_lease import LeaseTerms
from csad.deployment.deployment import DeploymentResult, DeploymentTarget, DeployTerms, deploy
from csad.deployment.names import ServingNames
from csad.deployment.rollout import RolloutTerms
from csad.store.champion import read_champion
from csad.store.embedded import EmbeddedStore
from csad.store.objects import ObjectStore
from csad.store.registry import ModelLabels, register_model

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
IMAGE = "csad-serve-stand-in:test"
PIXELS = (b"first image", b"second image")
TERMS = DeployTerms(rollout=RolloutTerms(timeout=90, unschedulable=40), lease=LeaseTerms(seconds=6, wait=60))


def line(name: str = "bottles", **deployment: object) -> ProductLine:
    settings = {"cpu": 0.02, "memory": "64Mi", "maximum_replicas": 2, **deployment}
    return ProductLine.from_yaml(yaml.safe_dump({"name": name, "deployment": settings}))


def archive(files: Mapping[str, bytes], link: str | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        if link:
            entry = tarfile.TarInfo("bento/link")
            entry.type, entry.linkname = tarfile.SYMTYPE, link
            tar.addfile(entry)
    return gzip.compress(buffer.getvalue(), mtime=0)


def bento(behaviour: Mapping[str, object], link: str | None = None) -> bytes:
    files = {"bento/bento.yaml": b"service: stand-in\n", "bento/behaviour.json": json.dumps(behaviour).encode()}
    return archive(files, link)


def smoke(bias: float) -> bytes:
    scores = [sum(pixels) % 1000 / 100 + bias for pixels in PIXELS]
    images = [
        {"name": f"{index}.png", "png": base64.b64encode(pixels).decode(), "score": score, "anomalous": score > 5.0}
        for index, (pixels, score) in enumerate(zip(PIXELS, scores, strict=True))
    ]
    return json.dumps({"images": images}).encode()


@dataclass
class Clients:
    """What clients of a line saw.

    Attributes:
        failures: What went wrong, for whom.
        versions: Which version answered, in order.
    """

    failures: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)


@dataclass
class Scene:
    """A namespace of the test cluster."""

    namespace: str
    cluster: Cluster
    server: EmbeddedStore
    store: ObjectStore
    folder: Path
    made: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def for_another_thread(self) -> "Scene":
        """The same namespace over connections of its own."""
        return replace(self, cluster=self.cluster.clone())

    def version(self, name: str = "bottles", bias: float | None = None, expected: float | None = None, **rest) -> str:
        """Register a version whose service adds `bias`, while its smoke test expects `expected`."""
        bias = float(next(self.made)) if bias is None else bias
        packed = bento({"line": name, "bias": bias, **rest})
        return self.register(name, packed, smoke(bias if expected is None else expected))

    def register(self, name: str, packed: bytes, smoke_test: bytes) -> str:
        made = next(self.made)
        model = self.folder / f"model-{made}"
        model.mkdir()
        (model / "model.json").write_text(json.dumps({"made": made}))
        files = {"bento.tar.gz": packed, "smoke.json": smoke_test}
        paths = {file: self.folder / f"{made}-{file}" for file in files}
        for file, path in paths.items():
            path.write_bytes(files[file])
        labels = ModelLabels(name, "0" * 64, "0" * 40, "0" * 64, made, {})
        return register_model(self.store, model, labels, paths).version

    def deploy(self, version: str, **changes: object) -> DeploymentResult:
        terms = changes.pop("terms", TERMS)
        on_step = changes.pop("on_step", None)
        return deploy(self.target(version, **changes), self.store, self.cluster, terms, on_step)

    def target(self, version: str, product_line: ProductLine | None = None, **changes: object) -> DeploymentTarget:
        values = {"image": IMAGE, "pull_policy": "Never", **changes}
        return DeploymentTarget(product_line or line(), version, namespace=self.namespace, **values)

    def champion(self, name: str = "bottles") -> str | None:
        found = read_champion(self.store, name)
        return found.version if found else None

    def address(self, name: str = "bottles") -> str:
        service = self.cluster.find(Kind.SERVICE, ServingNames(name, self.namespace).main)
        return service["spec"]["clusterIP"]

    def serving(self, name: str = "bottles", body: bytes = PIXELS[0]) -> str:
        return ask(self.address(name), body)

    def settled(self, name: str, version: str, body: bytes = PIXELS[0]) -> str:
        """What answers in the end: pods that are on their way out may answer until every node knows."""
        deadline = time.monotonic() + 30
        while (found := self.serving(name, body)) != version and time.monotonic() < deadline:
            time.sleep(0.2)
        return found

    def finish(self, name: str) -> None:
        """Make room for other lines, without waiting."""
        self.cluster.delete(Kind.DEPLOYMENT, ServingNames(name, self.namespace).main)

    def leftovers(self, name: str = "bottles") -> list[str]:
        return [
            one["metadata"]["name"]
            for kind in (Kind.DEPLOYMENT, Kind.SERVICE)
            for one in self.cluster.select(kind)
            if one["metadata"]["name"] == ServingNames(name, self.namespace).candidate
            and not one["metadata"].get("deletionTimestamp")
        ]

    @contextmanager
    def clients(self, name: str = "bottles", per_second: float = 10.0, body: bytes = PIXELS[0]) -> Iterator[Clients]:
        """Ask all the while, each time over a new connection, and keep what came back."""
        seen, end, address = Clients(), threading.Event(), self.address(name)

        def keep_asking() -> None:
            due = time.monotonic()
            while not end.is_set():
                try:
                    seen.versions.append(ask(address, body))
                except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
                    seen.failures.append(f"{time.strftime('%H:%M:%S')} {error!r}")
                due += 1 / per_second
                end.wait(max(0.0, due - time.monotonic()))

        threads = [threading.Thread(target=keep_asking) for _ in range(2)]
        per_second /= len(threads)
        for thread in threads:
            thread.start()
        try:
            yield seen
        finally:
            end.set()
            for thread in threads:
                thread.join()


def ask(address: str, body: bytes) -> str:
    """Score an image; the version that answered."""
    connection = http.client.HTTPConnection(address, 80, timeout=30)
    try:
        connection.request("POST", "/score", body, {"Content-Type": "image/png"})
        response = connection.getresponse()
        if response.status != 200:
            raise ValueError(f"status {response.status}")
        return str(json.loads(response.read())["model"]["version"])
    finally:
        connection.close()


def context_of_image(folder: Path) -> str:
    """Lay out what the stand-in image is made of; the digest of it."""
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(ROOT / "csad", folder / "csad", ignore=ignored)
    for file in ("Dockerfile", "stand_in.py"):
        shutil.copy(HERE / file, folder)
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return digest.hexdigest()
