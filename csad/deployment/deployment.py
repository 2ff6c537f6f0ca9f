"""Bringing a registered version into service: `deploy`, and `roll_back` to the one before.

    cluster = Cluster.connect("csad")
    deploy(DeploymentTarget(line, version, image="registry/csad-serve@sha256:..."), store, cluster)

Until the new version has passed its smoke test apart from all traffic, only the old one answers. The champion pointer
moves last. A deployer that dies at any point leaves the line answering, and the next one puts right what it left.
"""

import logging
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from csad.common.errors import DeploymentError, StoreError
from csad.deployment.cluster import Cluster
from csad.deployment.cluster_lease import DeployerLease, LeaseLost, LeaseTerms, acquire_lease
from csad.deployment.exchange import Exchange, Step
from csad.deployment.objects import DeploymentTarget, ServingObjects
from csad.deployment.rollout import RolloutTerms
from csad.packaging.fetch import BENTO_FILE
from csad.packaging.smoke import SMOKE_FILE, SmokeTest
from csad.store.champion import Champion, promote, read_champion, rollback
from csad.store.objects import ObjectStore
from csad.store.registry import fetch_file, is_complete, list_models, show_model

__all__ = ["DeployTerms", "DeploymentResult", "DeploymentTarget", "Step", "deploy", "latest_version", "roll_back"]

TOKEN = "CSAD_TOKEN"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DeployTerms:
    """How long things may take.

    Attributes:
        rollout: Until pods are ready.
        lease: For which the line belongs to one deployer.
    """

    rollout: RolloutTerms = field(default_factory=RolloutTerms)
    lease: LeaseTerms = field(default_factory=LeaseTerms)


@dataclass(frozen=True)
class DeploymentResult:
    """What a deployment came to.

    Attributes:
        line: Product line.
        version: That serves now.
        previous: That served before; None for the first, and where nothing changed.
        namespace: Namespace of the cluster.
        endpoint: Address inside the cluster.
        changed: False where this version was in service already, just as asked for.
        skipped: What the cluster cannot do: kind -> reason.
        seconds: That it took.
    """

    line: str
    version: str
    previous: str | None
    namespace: str
    endpoint: str
    changed: bool
    skipped: dict[str, str]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """The record in the form that a script reads."""
        return asdict(self)


def deploy(
    target: DeploymentTarget,
    store: ObjectStore,
    cluster: Cluster,
    terms: DeployTerms | None = None,
    on_step: Callable[[Step], None] | None = None,
    may_replace: Callable[[Champion | None], None] = lambda champion: None,
) -> DeploymentResult:
    """Bring a version into service and make it the champion of its line.

    Args:
        target: What, and where.
        store: Where the version is registered.
        cluster: Connected to the target's namespace.
        terms: How long things may take.
        on_step: Told when a step begins; by default they are logged.
        may_replace: Asked with the champion, before anything is changed and while nobody else can deploy; raises a
            DeploymentError where the version must not replace it. By default it may replace any.

    Raises:
        DeploymentError: The version may not replace the champion, does not start, fails its smoke test, or the cluster
            refuses; the message says why, and what serves now.
        Busy: Another deployer is at work on this line.
        StoreError: There is no such version, or the store does not answer.
    """

    def move(seen: Champion | None) -> Champion:
        return promote(store, target.line.name, target.version, expected=seen)

    return _Deployer(target, store, cluster, terms or DeployTerms(), on_step or _log_step).run(move, may_replace)


def roll_back(
    target: DeploymentTarget,
    store: ObjectStore,
    cluster: Cluster,
    terms: DeployTerms | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> DeploymentResult:
    """Bring the version that was champion before back into service, as carefully as a new one.

    Args:
        target: Where; its version is not looked at.
        store: Where the versions are registered.
        cluster: Connected to the target's namespace.
        terms: How long things may take.
        on_step: Told when a step begins; by default they are logged.

    Raises:
        DeploymentError: Same as for `deploy`; or the pointer moved since it was read.
        StoreError: There is no earlier version, or the store does not answer.
    """
    line = target.line.name
    champion = read_champion(store, line)
    earlier = [version for version in (champion.previous if champion else ()) if is_complete(store, line, version)]
    if champion is None or not earlier:
        found = f"only {champion.version} was ever champion" if champion else "it has no champion"
        raise DeploymentError(f"line {line} has nothing to go back to: {found}; see `csad models list {line}`")

    def move(seen: Champion | None) -> Champion:
        if seen != champion or read_champion(store, line) != champion:
            raise DeploymentError(f"the champion of line {line} changed at the same time; look at it and run again")
        return rollback(store, line)

    target = replace(target, version=earlier[0])
    return _Deployer(target, store, cluster, terms or DeployTerms(), on_step or _log_step).run(move)


def latest_version(store: ObjectStore, line: str) -> str:
    """The newest registered version of a line.

    Raises:
        DeploymentError: There is none.
    """
    models = list_models(store, line)
    if not models:
        raise DeploymentError(f"line {line} has no version in the store; train, evaluate and package one first")
    return models[-1].version


class _Deployer:
    def __init__(
        self,
        target: DeploymentTarget,
        store: ObjectStore,
        cluster: Cluster,
        terms: DeployTerms,
        on_step: Callable[[Step], None],
    ) -> None:
        if cluster.namespace != target.namespace:
            raise DeploymentError(f"the cluster is connected to {cluster.namespace}, the target is {target.namespace}")
        self._target, self._store, self._cluster, self._terms, self._on_step = target, store, cluster, terms, on_step
        self._start = time.monotonic()

    def run(
        self,
        move: Callable[[Champion | None], Champion],
        may_replace: Callable[[Champion | None], None] = lambda champion: None,
    ) -> DeploymentResult:
        target = self._target
        model = show_model(self._store, target.line.name, target.version)
        missing = [name for name in (BENTO_FILE, SMOKE_FILE) if name not in model.files]
        if missing:
            raise DeploymentError(
                f"version {target.version} of line {target.line.name} has no {' and no '.join(missing)}; "
                "it was registered without packaging: package it, and deploy the version that packaging registers"
            )
        smoke = self._smoke_test()
        objects = ServingObjects(target, model.files[BENTO_FILE].sha256, self._store.settings.url)
        self._on_step(Step.LOCK)
        with acquire_lease(self._cluster.clone(), objects.names.main, self._terms.lease) as lease:
            champion = read_champion(self._store, target.line.name)
            may_replace(champion)
            return self._run(objects, smoke, lease, champion, move)

    def _run(
        self,
        objects: ServingObjects,
        smoke: SmokeTest,
        lease: DeployerLease,
        champion: Champion | None,
        move: Callable[[Champion | None], Champion],
    ) -> DeploymentResult:
        target = self._target
        token = os.environ.get(TOKEN, "")
        exchange = Exchange(self._cluster, objects, smoke, lease, self._terms.rollout, self._on_step, token)
        exchange.settle(champion)
        changed = not exchange.is_current()
        try:
            if changed:
                exchange.exchange()
            exchange.check()
            exchange.support()
            exchange.record()
            lease.check()
            self._on_step(Step.PROMOTE)
            if champion is None or champion.version != target.version:
                self._promote(champion, move)
        except LeaseLost:
            raise
        except BaseException as error:
            self._restore(exchange, error)
            raise
        self._finish(exchange)
        return DeploymentResult(
            line=target.line.name,
            version=target.version,
            previous=exchange.before if changed else None,
            namespace=target.namespace,
            endpoint=objects.names.endpoint,
            changed=changed,
            skipped=exchange.skipped,
            seconds=round(time.monotonic() - self._start, 1),
        )

    def _promote(self, champion: Champion | None, move: Callable[[Champion | None], Champion]) -> None:
        """Move the pointer; where the answer is lost, look whether it moved."""
        try:
            move(champion)
        except StoreError:
            try:
                now = read_champion(self._store, self._target.line.name)
            except StoreError:
                now = None
            if now is None or now.version != self._target.version:
                raise

    def _finish(self, exchange: Exchange) -> None:
        """Tidy up; the version is in service and champion already, whatever comes of it."""
        try:
            exchange.finish()
        except DeploymentError as error:
            _log.warning("the pods that bridged the exchange stay until the next deployment: %s", error)

    def _restore(self, exchange: Exchange, error: BaseException) -> None:
        try:
            outcome = exchange.restore()
        except DeploymentError as worse:
            outcome = (
                f"going back failed, too: {worse}; run again once that is put right, pods that were ready still serve"
            )
        if isinstance(error, DeploymentError | StoreError):
            raise DeploymentError(
                f"deploying version {self._target.version} failed: {error}. Now: {outcome}"
            ) from error
        _log.warning("%s", outcome)

    def _smoke_test(self) -> SmokeTest:
        line, version = self._target.line.name, self._target.version
        with tempfile.TemporaryDirectory(prefix="csad-smoke-") as folder:
            path = Path(folder) / SMOKE_FILE
            fetch_file(self._store, line, version, SMOKE_FILE, path)
            return SmokeTest.parse(path.read_bytes(), f"version {version} of line {line}")


def _log_step(step: Step) -> None:
    _log.info("%s", step.value)
