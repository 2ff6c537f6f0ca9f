"""Whether the nodes of a cluster have the room, the accelerators and the images that pipelines ask for."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from kubernetes.utils.quantity import parse_quantity

from pipelines.demands import Demand
from pipelines.doctor_report import Finding, first_or

GIB = 2**30
BLOCKING = frozenset({"NoSchedule", "NoExecute"})
NAMED_IMAGES = 50
"""A kubelet tells of so many images, the largest first: one that it does not name may be there all the same."""
CPU_ONLY = "python -m pipelines compile --cpu-only, where there is no GPU"

Node = dict[str, Any]


def check_capacity(demands: Sequence[Demand], nodes: Sequence[Node]) -> list[Finding]:
    """Compare what each pod reserves with the nodes: with all that they have, not with what is free at the moment."""
    usable = usable_nodes(nodes)
    if not usable:
        return [Finding("missing", "no node is ready", "kubectl get nodes")]
    unsure = [one.task for one in demands if one.cpu is None or one.memory is None]
    found = list(_lacking(demands, usable))
    found += (
        [Finding("unknown", f"requests of {', '.join(unsure)}: only a run's parameters say them")] if unsure else []
    )
    return first_or(found, f"{len(usable)} nodes, each of the {len(demands)} kinds of pods finds one with room")


def check_accelerators(demands: Sequence[Demand], nodes: Sequence[Node]) -> list[Finding]:
    """Compare the accelerators, labels and tolerations that pods ask for with the nodes."""
    asking = [one for one in demands if one.accelerators]
    if not asking:
        return []
    name = asking[0].accelerator
    having = [node for node in nodes if _allocatable(node, name) > 0]
    if not having:
        tasks = ", ".join(sorted({one.task for one in asking}))
        return [
            Finding(
                "missing", f"no node offers {name}, which {tasks} ask for", f"install its device plugin; or {CPU_ONLY}"
            )
        ]
    most = max(one.accelerators for one in asking)
    found = []
    if not any(_allocatable(node, name) >= most for node in having):
        found.append(
            Finding("missing", f"a task asks for {most} {name}, no node has so many", "lower accelerator_count")
        )
    for node in having:
        labels = node["metadata"].get("labels") or {}
        lacking = {pair for one in asking for pair in one.selector.items() if labels.get(pair[0]) != pair[1]}
        for key, value in sorted(lacking):
            label = f"kubectl label node {node['metadata']['name']} {key}={value}"
            found.append(
                Finding("missing", f"node {node['metadata']['name']} has {name} but no label {key}={value}", label)
            )
    return first_or(found, f"{name} on {len(having)} nodes with the labels that tasks ask for")


def images_on_nodes(images: Sequence[str], nodes: Sequence[Node]) -> dict[str, bool | None]:
    """For each image, whether every usable node has it; None where a node may not have named all of its images."""
    answers: dict[str, bool | None] = {}
    usable = usable_nodes(nodes)
    for image in images:
        there = [_has_image(node, image) for node in usable]
        answers[image] = bool(there) and all(there) if None not in there else None
    return answers


def usable_nodes(nodes: Sequence[Node]) -> list[Node]:
    """Nodes that are ready and take new pods."""
    return [node for node in nodes if _is_usable(node)]


def _lacking(demands: Sequence[Demand], nodes: Sequence[Node]) -> Iterator[Finding]:
    """Pods that reserve the same are one finding."""
    kept_out: list[str] = []
    groups: dict[tuple[Decimal, Decimal], list[str]] = {}
    for one in demands:
        admitting = [node for node in nodes if _admits(node, one)]
        if not admitting:
            kept_out.append(one.task)
        elif one.cpu is None or one.memory is None:
            continue
        elif not any(_has_room(node, one.cpu, one.memory) for node in admitting):
            groups.setdefault((one.cpu, one.memory), []).append(one.task)
    if kept_out:
        what = f"every node has a taint that {', '.join(sorted(kept_out))} do not tolerate"
        yield Finding("missing", what, "kubectl taint node NAME KEY-  # on a node for tasks without a GPU")
    cores = max(_allocatable(node, "cpu") for node in nodes)
    memory = max(_allocatable(node, "memory") for node in nodes)
    for (cpu, wanted), tasks in sorted(groups.items(), reverse=True):
        yield Finding(
            "missing",
            f"no node has room for {', '.join(sorted(tasks))}: they reserve {_cores(cpu)} and {_gib(wanted)}, and no "
            f"node has more than {_cores(cores)} or more than {_gib(memory)}",
            "add a larger node, or lower the requests (pipelines/resources.py; deployment of the line), compile again",
        )


def _has_room(node: Node, cpu: Decimal, memory: Decimal) -> bool:
    return _allocatable(node, "cpu") >= cpu and _allocatable(node, "memory") >= memory


def _admits(node: Node, demand: Demand) -> bool:
    """Whether labels and taints let a pod onto a node; the labels of a GPU pool are a finding of their own."""
    labels = node["metadata"].get("labels") or {}
    taints = [taint for taint in node.get("spec", {}).get("taints") or [] if taint.get("effect") in BLOCKING]
    fits = all(labels.get(key) == value for key, value in demand.selector.items()) or bool(demand.accelerators)
    return fits and all(any(_tolerates(one, taint) for one in demand.tolerations) for taint in taints)


def _tolerates(toleration: dict[str, str], taint: dict[str, str]) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return toleration.get("key") in (None, "", taint["key"])
    return toleration.get("key") == taint["key"] and toleration.get("value", "") == taint.get("value", "")


def _is_usable(node: Node) -> bool:
    conditions = {one["type"]: one["status"] for one in node["status"].get("conditions") or []}
    return conditions.get("Ready") == "True" and not node.get("spec", {}).get("unschedulable")


def _allocatable(node: Node, resource: str) -> Decimal:
    return Decimal(parse_quantity(str(node["status"].get("allocatable", {}).get(resource, "0"))))


def _has_image(node: Node, image: str) -> bool | None:
    known = node["status"].get("images") or []
    if any(image in (one.get("names") or []) for one in known):
        return True
    return None if len(known) >= NAMED_IMAGES else False


def _cores(count: Decimal) -> str:
    return f"{count.normalize():f} core{'' if count == 1 else 's'}"


def _gib(count: Decimal) -> str:
    return f"{float(count) / GIB:.1f} GiB"
