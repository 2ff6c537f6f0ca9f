"""What Kubernetes knows about a run and the pipeline server does not say: why pods wait, and whether it exists."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from csad.common.errors import DeploymentError
from csad.deployment.cluster import Cluster, Kind
from csad.deployment.rollout_problems import problems

RUN_LABEL = "pipeline/runid"
NODE_NAME = "workflows.argoproj.io/node-name"
MAIN = "main"
"""Argo's name for the container that does a task's work."""

ADVICE = {
    "CreateContainerConfigError": "a secret or one of its keys is missing in namespace {namespace}: "
    "python -m pipelines doctor",
    "ErrImageNeverPull": "the image is not on the node; push it, and compile again",
    "ErrImagePull": "the image cannot be pulled; check its name, and the pull secret of the service account",
    "ImagePullBackOff": "the image cannot be pulled; check its name, and the pull secret of the service account",
    "InvalidImageName": "this is no name of an image; images/push writes names that are",
    "Unschedulable": "no node has room or the labels that are asked for: python -m pipelines doctor",
    "OOMKilled": "it needs more memory than its limit; lower images.area of the line, or raise the limit "
    "(pipelines/resources.py) and compile again; Kubeflow does not repeat it",
    "DeadlineExceeded": "its time is over (pipelines/resources.py)",
    "Evicted": "the node was full; start it again: python -m pipelines retry RUN",
}


@dataclass(frozen=True)
class PodTrouble:
    """Why a pod of a run does not start, or how it ended.

    Attributes:
        path: Full name of its task in the workflow.
        pod: Its name.
        reason: Reason as Kubernetes calls it.
        detail: What Kubernetes says about it.
        advice: What to do; "" where nothing general can be said.
        waiting: The pod has not started; else it has ended.
        since: When the pod was created.
    """

    path: str
    pod: str
    reason: str
    detail: str
    advice: str
    waiting: bool
    since: datetime | None = None

    def to_text(self) -> str:
        """Write for people."""
        detail = f": {self.detail}" if self.detail else ""
        return f"{self.reason}{detail}" + (f"; {self.advice}" if self.advice else "")


@dataclass(frozen=True)
class RunInCluster:
    """A run as Kubernetes has it.

    Attributes:
        gone: Whether its Workflow does not exist; None where that cannot be known.
        troubles: Troubles of its pods.
        messages: Full name of a task -> what Argo says about its failure or its waiting.
        note: What could not be looked at, and why; "" where all could.
    """

    gone: bool | None = None
    troubles: tuple[PodTrouble, ...] = ()
    messages: dict[str, str] = field(default_factory=dict)
    note: str = ""


class Lookout:
    """The namespace of a server's runs, where this machine may look into it."""

    def __init__(self, cluster: Cluster | None, note: str) -> None:
        """Use `open`."""
        self._cluster, self._note = cluster, note

    @classmethod
    def open(cls, namespace: str) -> Self:
        """Connect; where that fails, every answer carries the reason as its note."""
        try:
            return cls(Cluster.connect(namespace), "")
        except DeploymentError as error:
            return cls(None, f"Kubernetes was not asked: {error}")

    def look(self, run: str) -> RunInCluster:
        """Look for the Workflow and the pods of a run, by its id."""
        if self._cluster is None:
            return RunInCluster(note=self._note)
        try:
            pods = self._cluster.select(Kind.POD, {RUN_LABEL: run})
            known = self._cluster.offers(Kind.WORKFLOW)
            workflows = self._cluster.select(Kind.WORKFLOW, {RUN_LABEL: run}) if known else []
        except DeploymentError as error:
            return RunInCluster(note=f"Kubernetes was not asked: {error}")
        troubles = tuple(trouble for pod in pods for trouble in pod_troubles(pod))
        if not known:
            return RunInCluster(None, troubles, note="this cluster has no Argo Workflows; is KUBECONFIG the right one?")
        messages = {path: text for workflow in workflows for path, text in _messages(workflow).items()}
        return RunInCluster(not workflows, troubles, messages)


def pod_troubles(pod: dict[str, Any]) -> list[PodTrouble]:
    """Read from a pod's status what keeps it from starting, or how it ended badly."""
    about, status = pod["metadata"], pod.get("status", {})
    path = _path((about.get("annotations") or {}).get(NODE_NAME, ""))
    since = _time(about.get("creationTimestamp"))

    def trouble(reason: str, detail: str, waiting: bool) -> PodTrouble:
        advice = ADVICE.get(reason, "").format(namespace=about.get("namespace", ""))
        return PodTrouble(path, about["name"], reason, " ".join(detail.split()), advice, waiting, since)

    ended = [one for one in status.get("containerStatuses") or [] if one.get("state", {}).get("terminated")]
    for container in ended:
        end = container["state"]["terminated"]
        if container["name"] == MAIN and end.get("exitCode", 0):
            detail = f"the container ended with exit code {end['exitCode']}"
            return [trouble(end.get("reason") or "Error", detail, waiting=False)]
    found = list(problems({}, [pod], unschedulable_seconds=0))
    return [trouble(one.reason, one.detail, waiting=status.get("phase") == "Pending") for one in found]


def _messages(workflow: dict[str, Any]) -> dict[str, str]:
    name, status = workflow["metadata"]["name"], workflow.get("status") or {}
    told = [node for node in (status.get("nodes") or {}).values() if node.get("message")]
    messages = {node["name"].removeprefix(name): node["message"] for node in told if node.get("phase") != "Succeeded"}
    return messages | ({"": status["message"]} if status.get("message") else {})


def _path(node: str) -> str:
    """WORKFLOW.root.ingest.executor(0) without the workflow; its name holds no dot, but may have an attempt."""
    head, dot, rest = node.partition(".")
    attempt = head.rpartition("(")
    return f"{'(' + attempt[2] if attempt[1] else ''}{dot}{rest}"


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC) if text else None
