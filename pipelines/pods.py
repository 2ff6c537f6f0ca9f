"""How many steps and pods a run takes, counted from the compiled pipeline.

Kubeflow gives a task two pods, a driver and its own; a cached one the driver alone; and each group of tasks (the whole
pipeline, a condition, a loop and each of its rounds) a driver. A step takes some 10 s whatever it does.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

SECONDS_A_STEP = 10
GROUP, TASK = 1, 2


@dataclass(frozen=True)
class Load:
    """What a run costs beside its work.

    Attributes:
        tasks: That run.
        pods: Pods of all tasks and groups.
        steps: One after another, on the longest way.
    """

    tasks: int
    pods: int
    steps: int

    def __str__(self) -> str:
        """For people."""
        seconds = self.steps * SECONDS_A_STEP
        return f"{self.tasks} tasks, {self.pods} pods, {self.steps} steps in a row: {seconds} s beside the work"


@dataclass(frozen=True)
class PodCount:
    """The runs of a pipeline.

    Attributes:
        first: Everything runs.
        unchanged: What stands under a condition does not.
    """

    first: Load
    unchanged: Load


def count_pods(package: Path) -> PodCount:
    """Count what the runs of a compiled pipeline take."""
    specification = next(yaml.load_all(package.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))
    components = specification["components"]
    root = specification["root"]
    return PodCount(_load(root, components, conditions=True), _load(root, components, conditions=False))


def _load(group: Mapping[str, Any], components: Mapping[str, Any], conditions: bool) -> Load:
    """One group of tasks with all that is in it; its driver counts as a pod."""
    tasks, pods = 0, GROUP
    loads: dict[str, Load] = {}
    for name, task in group["dag"]["tasks"].items():
        component = components[task["componentRef"]["name"]]
        if "dag" not in component:
            loads[name] = Load(1, TASK, 1)
        elif not conditions and "triggerPolicy" in task and "condition" in task["triggerPolicy"]:
            loads[name] = Load(0, GROUP, 0)
        else:
            inside = _load(component, components, conditions)
            rounds = len(json.loads(task["parameterIterator"]["items"]["raw"])) if "parameterIterator" in task else 0
            loads[name] = Load(rounds * inside.tasks, GROUP + rounds * inside.pods, inside.steps) if rounds else inside
        tasks += loads[name].tasks
        pods += loads[name].pods
    ends: dict[str, int] = {}

    def end(name: str) -> int:
        if name not in ends:
            before = group["dag"]["tasks"][name].get("dependentTasks", [])
            ends[name] = loads[name].steps + max((end(other) for other in before), default=0)
        return ends[name]

    return Load(tasks, pods, max(map(end, loads)))
