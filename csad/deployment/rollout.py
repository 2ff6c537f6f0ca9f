"""Waiting for a rollout, and giving up as soon as it is known to fail, with the reason."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from csad.common.errors import DeploymentError
from csad.deployment.cluster import Cluster, Kind, Object
from csad.deployment.rollout_problems import ADVICE, Problem, problems

POLL_SECONDS = 0.7
REVISION = "deployment.kubernetes.io/revision"
EVENTS = 3

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RolloutTerms:
    """How long to wait.

    Attributes:
        timeout: Seconds until all pods must be ready.
        unschedulable: Seconds for which a pod may wait for a node.
    """

    timeout: float = 600.0
    unschedulable: float = 60.0


class RolloutFailed(DeploymentError):  # noqa: N818 - named for what happened
    """The new pods do not become ready."""


def wait_for_rollout(
    cluster: Cluster, name: str, terms: RolloutTerms, still_ours: Callable[[], None] = lambda: None
) -> None:
    """Wait until every pod of a deployment runs its newest template and is available.

    Args:
        cluster: Where it is.
        name: Name of the deployment.
        terms: How long to wait.
        still_ours: Called at every look; may raise to end the wait.

    Raises:
        RolloutFailed: A pod cannot start or does not become ready; with the reason from its status, events and log.
        DeploymentError: The server refuses or does not answer.
    """
    start = told = time.monotonic()
    first_seen: dict[tuple[str, str, str], float] = {}
    while True:
        still_ours()
        deployment = cluster.find(Kind.DEPLOYMENT, name)
        if deployment is None:
            raise RolloutFailed(f"Deployment {name} was deleted while it was rolled out; run again")
        if is_complete(deployment):
            return
        now = time.monotonic()
        pods = newest_pods(cluster, deployment)
        # Until the controller has seen the new template, these are the pods of the old one.
        for problem in problems(deployment, pods, terms.unschedulable) if is_observed(deployment) else ():
            key = (problem.pod, problem.container, problem.reason)
            if now - first_seen.setdefault(key, now) >= problem.grace:
                raise RolloutFailed(_explained(cluster, name, problem))
        if now - start > terms.timeout:
            raise RolloutFailed(_out_of_time(cluster, name, deployment, pods, terms))
        if now - told > 10:
            told = now
            _log.info("%s: %s", name, progress(deployment))
        time.sleep(POLL_SECONDS)


def is_observed(deployment: Object) -> bool:
    """Whether the status is about the newest template."""
    return bool(deployment.get("status", {}).get("observedGeneration", 0) >= deployment["metadata"]["generation"])


def is_complete(deployment: Object) -> bool:
    """Whether all replicas run the newest template and are available, and no older one is left."""
    status, wanted = deployment.get("status", {}), deployment["spec"].get("replicas", 1)
    updated = status.get("updatedReplicas", 0)
    return bool(
        is_observed(deployment)
        and updated >= wanted
        and status.get("replicas", 0) <= updated
        and status.get("availableReplicas", 0) >= updated
    )


def progress(deployment: Object) -> str:
    """How far a rollout is, in words."""
    status, wanted = deployment.get("status", {}), deployment["spec"].get("replicas", 1)
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    return f"{updated} of {wanted} pods are new, {available} of {status.get('replicas', 0)} are ready"


def newest_pods(cluster: Cluster, deployment: Object) -> list[Object]:
    """The pods of the newest template."""
    metadata = deployment["metadata"]
    revision = (metadata.get("annotations") or {}).get(REVISION)
    labels = deployment["spec"]["selector"]["matchLabels"]
    for replica_set in cluster.select(Kind.REPLICA_SET, labels):
        owners = [owner["uid"] for owner in replica_set["metadata"].get("ownerReferences") or []]
        annotations = replica_set["metadata"].get("annotations") or {}
        if metadata["uid"] in owners and annotations.get(REVISION) == revision:
            template_hash = replica_set["metadata"]["labels"]["pod-template-hash"]
            return cluster.select(Kind.POD, labels | {"pod-template-hash": template_hash})
    return []


def warnings(cluster: Cluster, pod: str) -> list[str]:
    """What Kubernetes warned about a pod, the last things last, each once."""
    events = cluster.select(Kind.EVENT, fields=f"involvedObject.name={pod}")
    events.sort(key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")
    found = [" ".join(event.get("message", "").split()) for event in events if event.get("type") == "Warning"]
    return list(dict.fromkeys(reversed(found)))[:EVENTS][::-1]


def _explained(cluster: Cluster, name: str, problem: Problem) -> str:
    parts = [f"{name} does not start: {problem.where}: {problem.reason}"]
    if problem.detail:
        parts[0] += f": {problem.detail}"
    advice = ADVICE.get(problem.reason)
    if advice:
        parts.append(advice)
    return "; ".join([*parts, *_signs(cluster, problem)])


def _signs(cluster: Cluster, problem: Problem) -> list[str]:
    found = []
    if problem.crashed:
        log = cluster.log_tail(problem.pod, problem.container, previous=True) or cluster.log_tail(
            problem.pod, problem.container, previous=False
        )
        new = [line for line in log if line not in problem.detail]
        if new:
            found.append(f"its last lines: {' / '.join(new)}")
    elif problem.pod:
        new = [event for event in warnings(cluster, problem.pod) if event not in problem.detail]
        if new:
            found.append(f"events: {' / '.join(new)}")
    return found


def _out_of_time(cluster: Cluster, name: str, deployment: Object, pods: list[Object], terms: RolloutTerms) -> str:
    start = f"{name} was not ready after {terms.timeout:.0f} s: {progress(deployment)}"
    for pod in pods:
        statuses = pod.get("status", {}).get("containerStatuses") or []
        if all(status.get("ready") for status in statuses) and statuses:
            continue
        pod_name = pod["metadata"]["name"]
        initial = pod.get("status", {}).get("initContainerStatuses") or []
        container = next((one["name"] for one in initial if not one.get("ready")), "serve")
        log = cluster.log_tail(pod_name, container, previous=False)
        signs = [
            f"pod {pod_name}, container {container}, never became ready",
            *(f"events: {' / '.join(found)}" for found in [warnings(cluster, pod_name)] if found),
            *(f"its last lines: {' / '.join(lines)}" for lines in [log] if lines),
        ]
        return "; ".join([start, *signs])
    return f"{start}; see `kubectl get pods`"
