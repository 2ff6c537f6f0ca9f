"""Reading from a pod's status why it will not become ready."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from csad.deployment.cluster import Object
from csad.packaging.fetch import FINAL

BROKEN_IMAGE = frozenset({"ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError"})
BROKEN_CONTAINER = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
CONTAINER_SECONDS = 10.0
"""A secret or a volume may arrive a moment after the pod."""

ADVICE = {
    "ErrImageNeverPull": "the image is not on the node and must not be pulled; check its name",
    "ImagePullBackOff": "the image cannot be pulled; check its name, and the pull secret of the service account",
    "InvalidImageName": "this is no name of an image",
    "CreateContainerConfigError": "a secret or a key of it is missing in the namespace",
    "Unschedulable": "no node has room; free some, lower deployment.cpu or deployment.memory of the line, or, "
    "where no GPU is to spare, set deployment.strategy: blue_green",
    "ReplicaFailure": "the namespace does not admit the pod; see its quota and its pod security level",
    "Failed": "the pod ended; on a full node it was evicted",
}


@dataclass(frozen=True)
class Problem:
    """Why a pod does not become ready.

    Attributes:
        reason: Reason as Kubernetes calls it, such as ImagePullBackOff.
        detail: What Kubernetes says about it.
        pod: Name of the pod; empty where none could be created.
        container: Which container; empty where it is none.
        crashed: The container ran and ended, so the log of its last run says why.
        grace: Seconds for which it must last before it counts.
    """

    reason: str
    detail: str
    pod: str = ""
    container: str = ""
    crashed: bool = False
    grace: float = 0.0

    @property
    def where(self) -> str:
        """The pod and the container, as a sentence starts."""
        container = f", container {self.container}" if self.container else ""
        return f"pod {self.pod}{container}" if self.pod else "the pods"


def problems(deployment: Object, pods: list[Object], unschedulable_seconds: float) -> Iterator[Problem]:
    """Yield what keeps the pods of a deployment from becoming ready.

    Args:
        deployment: Deployment as the API gives it.
        pods: Those of its newest template.
        unschedulable_seconds: How long a pod may wait for a node; an autoscaled cluster needs minutes to make one.
    """
    for condition in deployment.get("status", {}).get("conditions") or []:
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            yield Problem("ReplicaFailure", condition.get("message", ""), grace=CONTAINER_SECONDS)
    for pod in pods:
        if not pod["metadata"].get("deletionTimestamp"):
            yield from _of_pod(pod, unschedulable_seconds)


def _of_pod(pod: Object, unschedulable_seconds: float) -> Iterator[Problem]:
    name, status = pod["metadata"]["name"], pod.get("status", {})
    if status.get("phase") == "Failed":
        yield Problem(status.get("reason") or "Failed", status.get("message", ""), name)
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
            yield Problem("Unschedulable", condition.get("message", ""), name, grace=unschedulable_seconds)
    containers = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    for container in containers:
        problem = _of_container(name, container)
        if problem:
            yield problem


def _of_container(pod: str, status: Object) -> Problem | None:
    waiting = status.get("state", {}).get("waiting") or {}
    reason, detail = waiting.get("reason", ""), waiting.get("message", "")
    ended = _ended(status)
    if reason in BROKEN_IMAGE:
        return Problem(reason, detail, pod, status["name"])
    if reason in BROKEN_CONTAINER:
        return Problem(reason, detail, pod, status["name"], grace=CONTAINER_SECONDS)
    failed = ended is not None and ended.get("exitCode", 0) != 0
    if ended and ended.get("exitCode") == FINAL and status["name"] == "fetch":
        return Problem("the Bento was refused", _last_words(ended), pod, status["name"], crashed=True)
    # A server that cannot start may end with 0; what is started again all the same was not meant to end.
    if ended and (reason == "CrashLoopBackOff" or (failed and status.get("restartCount", 0) >= 2)):
        kind = "out of memory" if ended.get("reason") == "OOMKilled" else "CrashLoopBackOff"
        detail = f"exit code {ended.get('exitCode', 0)}: {_last_words(ended)}"
        return Problem(kind, detail, pod, status["name"], crashed=True)
    return None


def _ended(status: Object) -> dict[str, Any] | None:
    """The last run of a container that has ended."""
    for state in (status.get("state", {}), status.get("lastState", {})):
        ended = state.get("terminated")
        if ended:
            return dict(ended)
    return None


def _last_words(ended: dict[str, Any]) -> str:
    lines = [line.strip() for line in (ended.get("message") or "").splitlines() if line.strip()]
    return " / ".join(lines[-3:]) or ended.get("reason", "")
