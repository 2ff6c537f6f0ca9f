"""A line to deploy to an API server whose pods are ready at once: a real store, a real lease, real versions."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from csad.config.line import ProductLine
from csad.deployment.cluster import Cluster
from csad.deployment.cluster_lease import LeaseLost, LeaseTerms
from csad.deployment.deployment import DeploymentResult, DeploymentTarget, DeployTerms, Step, deploy
from csad.store.champion import read_champion
from csad.store.objects import ObjectStore
from csad.store.registry import ModelLabels, register_model
from tests.cluster.deployment.scene import line, smoke
from tests.deployment.api_server import ApiServer

TERMS = DeployTerms(lease=LeaseTerms(seconds=3, wait=0.5))
BLUE_GREEN = line(strategy="blue_green")


@dataclass
class Scene:
    """A cluster, a store, and versions of the line "bottles"."""

    api: ApiServer
    cluster: Cluster
    store: ObjectStore
    folder: Path
    made: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def version(self, wrong: bool = False, **more: str) -> str:
        """Register a version with more files; the service of a wrong one scores otherwise than at evaluation."""
        made = next(self.made)
        folder = self.folder / f"version-{made}"
        (folder / "model").mkdir(parents=True)
        (folder / "model" / "model.json").write_text(str(made))
        contents = {"bento.tar.gz": str(made), "smoke.json": smoke(made).decode(), **more}
        for name, content in contents.items():
            (folder / name).write_text(content)
        labels = ModelLabels("bottles", "0" * 64, "0" * 40, "0" * 64, made, {})
        files = {name: folder / name for name in contents}
        version = register_model(self.store, folder / "model", labels, files).version
        self.api.biases[version] = made + 1.0 * wrong
        return version

    def deploy(
        self, version: str, on_step: Callable[[Step], None] = lambda step: None, product_line: ProductLine = BLUE_GREEN
    ) -> DeploymentResult:
        target = DeploymentTarget(product_line, version, "serve", self.cluster.namespace)
        return deploy(target, self.store, self.cluster, TERMS, on_step)

    def champion(self) -> str | None:
        found = read_champion(self.store, "bottles")
        return found.version if found else None


def failing_at(moment: Step, error: BaseException) -> Callable[[Step], None]:
    """For a deployer to whom something happens at the beginning of a step."""

    def fail(step: Step) -> None:
        if step is moment:
            raise error

    return fail


def dying_at(moment: Step) -> Callable[[Step], None]:
    """For a deployer that leaves everything as it is, as one that is killed does: it has lost its lease."""
    return failing_at(moment, LeaseLost("dead"))
