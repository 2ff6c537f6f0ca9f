"""What serves a line now, and taking it away."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from csad.deployment.cluster import Cluster, Kind, Object
from csad.deployment.cluster_lease import LeaseTerms, acquire_lease
from csad.deployment.names import LINE_LABEL, MANAGED_BY, MANAGER, SLOT_LABEL, ServingNames, Slot
from csad.deployment.objects import served_version, template_digest, verified_manifest
from csad.deployment.rollout import is_complete, newest_pods, progress
from csad.deployment.rollout_problems import problems
from csad.store.champion import read_champion
from csad.store.objects import ObjectStore

SUPPORTING = (
    Kind.AUTOSCALER,
    Kind.SERVICE_MONITOR,
    Kind.DISRUPTION_BUDGET,
    Kind.OLD_DISRUPTION_BUDGET,
    Kind.NETWORK_POLICY,
)
GONE_SECONDS = 120.0


@dataclass(frozen=True)
class LineStatus:
    """How one line is served.

    Attributes:
        line: Product line.
        namespace: Namespace of the cluster.
        serving: Version that is served; None where none is.
        champion: Version that the pointer names; None where there is none, or where no store was asked.
        previous: Champions before, the last one first.
        endpoint: Address inside the cluster; None where nothing is served.
        image: Image of the service.
        ready: Pods that answer.
        replicas: Pods that there should be.
        state: "ready", "changing", "interrupted" or "absent".
        trouble: What keeps pods from becoming ready, in words.
        deployer: Who holds the line's lease.
    """

    line: str
    namespace: str
    serving: str | None
    champion: str | None
    previous: tuple[str, ...]
    endpoint: str | None
    image: str | None
    ready: int
    replicas: int
    state: str
    trouble: tuple[str, ...]
    deployer: str | None

    def to_json(self) -> dict[str, Any]:
        """The record in the form that a script reads."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]

    def to_text(self) -> str:
        """For people."""
        lines = [
            f"line       {self.line}, namespace {self.namespace}",
            f"state      {self.state}" + (f", {self.deployer} is deploying" if self.deployer else ""),
            f"serving    {self.serving or 'nothing'}",
            f"champion   {self.champion or 'none known'}" + _aside(self.serving, self.champion),
            f"pods       {self.ready} of {self.replicas} ready",
        ]
        lines += [f"endpoint   {self.endpoint}"] if self.endpoint else []
        lines += [f"image      {self.image}"] if self.image else []
        lines += [f"before     {', '.join(self.previous[:3])}"] if self.previous else []
        return "\n".join([*lines, *(f"trouble    {text}" for text in self.trouble)])


def line_status(line: str, cluster: Cluster, store: ObjectStore | None) -> LineStatus:
    """Look at a line.

    Args:
        line: Its name.
        cluster: Connected to its namespace.
        store: For the champion pointer; None leaves it out.

    Raises:
        DeploymentError: The cluster refuses or does not answer.
        StoreError: The store does not answer.
    """
    names = ServingNames(line, cluster.namespace)
    main = cluster.find(Kind.DEPLOYMENT, names.main)
    service = cluster.find(Kind.SERVICE, names.main)
    lease = cluster.find(Kind.LEASE, names.main) or {}
    slot = Slot((service or {}).get("spec", {}).get("selector", {}).get(SLOT_LABEL, Slot.MAIN))
    answering = main if slot is Slot.MAIN else cluster.find(Kind.DEPLOYMENT, names.candidate)
    deployer = lease.get("spec", {}).get("holderIdentity") or None
    champion = read_champion(store, line) if store else None
    status = (answering or {}).get("status", {})
    return LineStatus(
        line=line,
        namespace=cluster.namespace,
        serving=_serving(answering),
        champion=champion.version if champion else None,
        previous=champion.previous if champion else (),
        endpoint=names.endpoint if service and answering else None,
        image=answering["spec"]["template"]["spec"]["containers"][0]["image"] if answering else None,
        ready=status.get("readyReplicas", 0),
        replicas=answering["spec"].get("replicas", 1) if answering else 0,
        state=_state(main, slot, deployer),
        trouble=_trouble(cluster, main) if main else (),
        deployer=deployer,
    )


def lines_in(cluster: Cluster) -> list[str]:
    """Names of the lines that a namespace serves."""
    deployments = cluster.select(Kind.DEPLOYMENT, {MANAGER: MANAGED_BY})
    return sorted({deployment["metadata"]["labels"][LINE_LABEL] for deployment in deployments})


def undeploy(line: str, cluster: Cluster, terms: LeaseTerms | None = None) -> list[str]:
    """Take a line out of service, once no deployer is at work on it; its versions and its champion stay in the store.

    Args:
        line: Its name.
        cluster: Connected to its namespace.
        terms: Terms of the line's lease.

    Returns:
        What was removed, such as "Deployment csad-bottles".

    Raises:
        Busy: A deployer does not finish within the wait.
        DeploymentError: The cluster refuses, or something does not go away.
    """
    names = ServingNames(line, cluster.namespace)
    removed = []
    with acquire_lease(cluster.clone(), names.main, terms or LeaseTerms()) as lease:
        for name in (names.candidate, names.main):
            for kind in (Kind.SERVICE, Kind.DEPLOYMENT):
                lease.check()
                if cluster.delete(kind, name, GONE_SECONDS if kind is Kind.DEPLOYMENT else 0):
                    removed.append(f"{kind.value.kind} {name}")
        for kind in SUPPORTING:
            lease.check()
            if cluster.offers(kind) and cluster.delete(kind, names.main):
                removed.append(f"{kind.value.kind} {names.main}")
        lease.remove()
    return removed


def _serving(deployment: Object | None) -> str | None:
    """The version that answers: of a rollout under way, the one from which it comes."""
    if deployment is None:
        return None
    before = verified_manifest(deployment)
    if is_complete(deployment) or before is None:
        return served_version(deployment)
    return served_version(before)


def _state(main: Object | None, slot: Slot, deployer: str | None) -> str:
    if main is None:
        return "absent"
    verified = verified_manifest(main)
    at_rest = slot is Slot.MAIN and verified is not None and template_digest(main) == template_digest(verified)
    if at_rest:
        return "ready" if is_complete(main) else f"changing: {progress(main)}"
    return "changing" if deployer else "interrupted: run `csad deploy` again"


def _trouble(cluster: Cluster, main: Object) -> tuple[str, ...]:
    if is_complete(main):
        return ()
    found = problems(main, newest_pods(cluster, main), unschedulable_seconds=0)
    return tuple(f"{problem.where}: {problem.reason}: {problem.detail}" for problem in found)


def _aside(serving: str | None, champion: str | None) -> str:
    return "; another version is served" if serving and champion and serving != champion else ""
