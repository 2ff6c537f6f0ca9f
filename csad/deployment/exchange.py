"""Exchanging the version that serves a line, one step at a time; every step leaves the line answering.

settle      tidy up after a deployer that died
try         start the new version apart from all traffic, smoke-test it
divert      (blue/green) send requests to the pods under trial while the others are exchanged
roll        give the line's Deployment the new template
check       smoke-test it through the line's own Service
record      remember this manifest as the one to go back to
promote     move the champion pointer
finish      (blue/green) take away the pods that bridged the exchange
"""

import logging
from collections.abc import Callable
from enum import StrEnum

from csad.deployment.cluster import Cluster, Kind, Object
from csad.deployment.cluster_lease import DeployerLease
from csad.deployment.names import SLOT_LABEL, Slot
from csad.deployment.objects import (
    ServingObjects,
    as_manifest,
    is_ours,
    served_version,
    template_digest,
    verified_manifest,
    with_verified,
)
from csad.deployment.rollout import RolloutTerms, is_complete, wait_for_rollout
from csad.deployment.smoke_channel import open_channel
from csad.packaging.smoke import SmokeTest
from csad.store.champion import Champion

GONE_SECONDS = 120.0

_log = logging.getLogger(__name__)


class Step(StrEnum):
    """What a deployer does, in this order; some steps are left out where there is nothing to do."""

    LOCK = "lock"
    SETTLE = "settle"
    START_CANDIDATE = "start the candidate"
    TEST_CANDIDATE = "test the candidate"
    DIVERT = "divert requests to the candidate"
    ROLL = "roll out"
    RETURN = "return requests"
    TEST = "test through the service"
    SUPPORT = "autoscaler, budget, monitor"
    RECORD = "record"
    PROMOTE = "promote"
    RESTORE = "restore"


class Exchange:
    """One deployment of one version, while the lease is held."""

    def __init__(
        self,
        cluster: Cluster,
        objects: ServingObjects,
        smoke: SmokeTest,
        lease: DeployerLease,
        terms: RolloutTerms,
        on_step: Callable[[Step], None],
        token: str = "",
    ) -> None:
        """Only takes notes; `settle` is the first that looks at the cluster.

        Args:
            cluster: Where.
            objects: What to apply.
            smoke: What the version must answer.
            lease: Asked before every change.
            terms: How long pods may take.
            on_step: Told when a step begins.
            token: Token of the service.
        """
        self._cluster, self._objects, self._smoke = cluster, objects, smoke
        self._lease, self._terms, self._on_step, self._token = lease, terms, on_step, token
        self._names = objects.names
        self._passed = False
        self.verified: Object | None = None
        self.skipped: dict[str, str] = {}

    @property
    def before(self) -> str | None:
        """The version that served before, as far as it passed its smoke test."""
        return served_version(self.verified) if self.verified else None

    def settle(self, champion: Champion | None) -> None:
        """Bring the line to rest: one Deployment, complete, with the Service in front of it.

        Args:
            champion: Champion of the line; without one, nothing that serves it was ever tested to the end.

        Raises:
            DeploymentError: What was left by an interrupted deployment cannot be put right.
        """
        self._begin(Step.SETTLE)
        main = self._main()
        self.verified = verified_manifest(main)
        if self.verified is None and main is not None and is_complete(main) and (champion or not is_ours(main)):
            self.verified = as_manifest(main)
        if main is not None and not is_complete(main):
            self._unfinished(main)
        if self._traffic() is Slot.CANDIDATE:
            self._wait(Slot.MAIN)
            self._send_to(Slot.MAIN)
        self._remove_candidate(wait=True)
        self._apply(self._objects.network_policy())

    def is_current(self) -> bool:
        """Whether the line's Deployment is just what the target asks for, and complete."""
        main, wanted = self._main(), self._objects.main()
        if main is None or not is_complete(main):
            return False
        return template_digest(main) == template_digest(wanted)

    def exchange(self) -> None:
        """Try the new version apart, then roll it out.

        Raises:
            DeploymentError: It does not start, or answers otherwise than at evaluation.
        """
        main = self._main()
        if main is not None:
            self._begin(Step.START_CANDIDATE)
            self._apply(self._objects.candidate(main["spec"].get("replicas", 1) if self._bridging else 1))
            self._apply(self._objects.service(Slot.CANDIDATE, selects=Slot.CANDIDATE))
            self._wait(Slot.CANDIDATE)
            self._begin(Step.TEST_CANDIDATE)
            self._test(Slot.CANDIDATE)
            self._passed = True
            if self._bridging:
                self._begin(Step.DIVERT)
                self._send_to(Slot.CANDIDATE)
            else:
                self._remove_candidate(wait=False)
        self._begin(Step.ROLL)
        self._apply(with_verified(self._objects.main(), self.verified))
        self._give_replicas()
        self._wait(Slot.MAIN)
        if main is not None and self._bridging:
            self._begin(Step.RETURN)
        if main is None or self._bridging:
            self._send_to(Slot.MAIN)

    def check(self) -> None:
        """Smoke-test the line as its clients see it.

        Raises:
            SmokeFailed: It answers otherwise than at evaluation.
        """
        self._begin(Step.TEST)
        self._send_to(Slot.MAIN)
        self._test(Slot.MAIN)

    def support(self) -> None:
        """Apply what a line has beside its pods; what the cluster cannot do is left out with its reason."""
        self._begin(Step.SUPPORT)
        objects = self._objects
        if self._cluster.offers(Kind.AUTOSCALER):
            self._apply(objects.autoscaler())
        else:
            self._skip(Kind.AUTOSCALER, "replicas stay as they are; `kubectl scale` changes them")
        if self._cluster.offers(Kind.DISRUPTION_BUDGET):
            self._apply(objects.disruption_budget("policy/v1"))
        elif self._cluster.offers(Kind.OLD_DISRUPTION_BUDGET):
            self._apply(objects.disruption_budget("policy/v1beta1"))
        else:
            self._skip(Kind.DISRUPTION_BUDGET, "a drain may stop all pods at once")
        if self._cluster.offers(Kind.SERVICE_MONITOR):
            self._apply(objects.service_monitor())
        else:
            self._skip(Kind.SERVICE_MONITOR, "there is no Prometheus operator; /metrics can be read all the same")

    def record(self) -> None:
        """Remember this manifest as the one to go back to; the pods do not notice."""
        self._begin(Step.RECORD)
        self._apply(with_verified(self._objects.main(), self._objects.main()))
        self._wait(Slot.MAIN)  # an annotation, too, makes a new generation that the controller has to see

    def finish(self) -> None:
        """Take away the pods that bridged the exchange: until now they could have bridged the way back."""
        self._remove_candidate(wait=False)

    def restore(self) -> str:
        """Go back to what served before.

        Returns:
            What serves now, in words.
        """
        self._begin(Step.RESTORE)
        main = self._main()
        if self.verified is None:
            if main is not None:
                self._delete(Slot.MAIN)
            self._remove_candidate(wait=False)
            return "nothing served this line before, so the pods that failed were removed"
        exchanging = main is None or template_digest(main) != template_digest(self.verified)
        if exchanging and self._bridging and self._passed and self._answers(Slot.CANDIDATE):
            self._send_to(Slot.CANDIDATE)
        self._apply(with_verified(self.verified, self.verified))
        self._wait(Slot.MAIN)
        self._send_to(Slot.MAIN)
        self._remove_candidate(wait=False)
        return f"version {self.before} serves as before"

    def _unfinished(self, main: Object) -> None:
        """An interrupted rollout: back to what served, or away with pods that never did."""
        if self.verified is None:
            _log.info("an earlier first deployment of this line did not finish; removing its pods")
            self._delete(Slot.MAIN)
        elif template_digest(main) != template_digest(self.verified):
            _log.info("an earlier deployment did not finish; going back to version %s first", self.before)
            self._apply(with_verified(self.verified, self.verified))
            self._wait(Slot.MAIN)

    def _begin(self, step: Step) -> None:
        self._lease.check()
        self._on_step(step)

    def _apply(self, manifest: Object) -> None:
        self._lease.check()
        self._cluster.apply(manifest)

    @property
    def _bridging(self) -> bool:
        return self._objects.target.line.deployment.strategy == "blue_green"

    def _answers(self, slot: Slot) -> bool:
        deployment = self._cluster.find(Kind.DEPLOYMENT, self._names.of(slot))
        return deployment is not None and is_complete(deployment)

    def _main(self) -> Object | None:
        return self._cluster.find(Kind.DEPLOYMENT, self._names.main)

    def _wait(self, slot: Slot) -> None:
        wait_for_rollout(self._cluster, self._names.of(slot), self._terms, self._lease.check)

    def _test(self, slot: Slot) -> None:
        self._smoke.run(open_channel(self._cluster, self._names.of(slot)), self._objects.target.version, self._token)

    def _traffic(self) -> Slot | None:
        service = self._cluster.find(Kind.SERVICE, self._names.main)
        return Slot(service["spec"]["selector"].get(SLOT_LABEL, Slot.MAIN)) if service else None

    def _send_to(self, slot: Slot) -> None:
        self._apply(self._objects.service(Slot.MAIN, selects=slot))

    def _give_replicas(self) -> None:
        """Bring a new Deployment to its minimum; later their number belongs to the autoscaler or to a person."""
        main, settings = self._main(), self._objects.target.line.deployment
        replicas = (main or {}).get("spec", {}).get("replicas", 1)
        wanted = min(max(replicas, settings.minimum_replicas), settings.maximum_replicas)
        if replicas != wanted:
            self._lease.check()
            self._cluster.scale(self._names.main, wanted)

    def _remove_candidate(self, wait: bool) -> None:
        self._delete(Slot.CANDIDATE, wait)
        self._lease.check()
        self._cluster.delete(Kind.SERVICE, self._names.candidate)

    def _delete(self, slot: Slot, wait: bool = True) -> None:
        self._lease.check()
        self._cluster.delete(Kind.DEPLOYMENT, self._names.of(slot), wait_seconds=GONE_SECONDS if wait else 0)

    def _skip(self, kind: Kind, consequence: str) -> None:
        reason = f"this cluster has no {kind.value.kind} in {kind.value.api}: {consequence}"
        if kind.value.kind not in self.skipped:
            _log.info("%s", reason)
        self.skipped[kind.value.kind] = reason
