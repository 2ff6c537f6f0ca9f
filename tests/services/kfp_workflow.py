"""The tasks of a run as Kubeflow Pipelines 2.17 lists them, from the tree of an Argo workflow.

Names and ids are made as Argo makes them. The API gives the last name of a task, its state, its times, and the ids of
the tasks that come next; neither its own id nor an error.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 1, 1, tzinfo=UTC)
NEVER = "0001-01-01T00:00:00+00:00"


def node_id(workflow: str, name: str) -> str:
    """Argo's `NodeID`: the workflow's name, and the FNV-1a hash of the full name in 32 bits."""
    value = 2166136261
    for byte in name.encode():
        value = ((value ^ byte) * 16777619) % 2**32
    return workflow if name == workflow else f"{workflow}-{value}"


@dataclass
class Workflow:
    """A workflow under way.

    Attributes:
        name: Name of the Workflow object.
        states: Full name -> state.
        times: Full name -> seconds after the start at which it began and ended; None for not yet.
        following: Full name -> full names of the tasks that come next.
    """

    name: str = "csad-training-x7k2p"
    states: dict[str, str] = field(default_factory=dict)
    times: dict[str, tuple[float, float | None]] = field(default_factory=dict)
    following: dict[str, list[str]] = field(default_factory=dict)
    _before: str = ""

    def __post_init__(self) -> None:
        root = f"{self.name}.root"
        self._pod(f"{root}-driver", "SUCCEEDED", 0, 5)
        self._add(self.name, "RUNNING", 0, None, [f"{root}-driver"])
        self._add(root, "RUNNING", 5, None, [])
        self.following[f"{root}-driver(0)"] = [root]
        self._before = root

    def task(
        self, path: str, state: str, begin: float, end: float | None, attempts: int = 1, driver: str = "SUCCEEDED"
    ) -> None:
        """Add a task after the last one.

        Args:
            path: Below the root, such as "ingest" or "release.packaging".
            state: State of the task.
            begin: Second at which its driver begins.
            end: Second at which it ends; None while it runs.
            attempts: Containers that were started; 0 where it came out of the cache.
            driver: State of its driver; the task does not exist unless this is SUCCEEDED.
        """
        name = f"{self.name}.root.{path}"
        self._enter(name, begin)
        self._pod(f"{name}-driver", driver, begin, begin + 5)
        self.following[self._before] = [*self.following.get(self._before, []), f"{name}-driver"]
        self._before = f"{name}-driver(0)"
        if driver != "SUCCEEDED":
            return
        executor = f"{name}.executor"
        self.following[f"{name}-driver(0)"] = [name]
        self._add(name, state, begin + 5, end, [executor])
        numbered = [f"{executor}({number})" for number in range(attempts)]
        self._add(executor, state if attempts else "SKIPPED", begin + 5, end, numbered)
        for one in numbered:
            self._add(one, state if one == numbered[-1] else "FAILED", begin + 5, end, [])
        self._before = numbered[-1] if numbered else executor

    def skip(self, path: str, at: float) -> None:
        """Add a task whose condition does not hold."""
        name = f"{self.name}.root.{path}"
        self._add(name, "SKIPPED", at, at, [])
        self.following[self._before] = [*self.following.get(self._before, []), name]

    def details(self) -> list[dict[str, Any]]:
        """Details in the form that the API lists them, in no order that would mean anything."""
        return [self._detail(name) for name in sorted(self.states, key=lambda name: node_id(self.name, name))]

    def _detail(self, name: str) -> dict[str, Any]:
        begin, end = self.times[name]
        children = [{"pod_name": node_id(self.name, child)} for child in self.following.get(name, [])]
        return {
            "run_id": "",
            "task_id": "",
            "display_name": name.rpartition(".")[2],
            "state": self.states[name],
            "create_time": _time(begin),
            "start_time": _time(begin),
            "end_time": _time(end),
            "execution_id": "0",
            **({"child_tasks": children} if children else {}),
        }

    def _enter(self, name: str, begin: float) -> None:
        """Add the groups of tasks around one, unless they are there."""
        parts = name.split(".")
        for depth in range(3, len(parts)):
            group = ".".join(parts[:depth])
            if group not in self.states:
                self._add(group, "RUNNING", begin, None, [])
                self.following[self._before] = [*self.following.get(self._before, []), group]
                self._before = group

    def _pod(self, name: str, state: str, begin: float, end: float) -> None:
        """A pod that is repeated where it fails: a task and its one attempt."""
        self._add(name, state, begin, end, [f"{name}(0)"])
        self._add(f"{name}(0)", state, begin, end, [])

    def _add(self, name: str, state: str, begin: float, end: float | None, following: list[str]) -> None:
        self.states[name], self.times[name] = state, (begin, end)
        self.following[name] = [*following, *self.following.get(name, [])]


def _time(second: float | None) -> str:
    return NEVER if second is None else (START + timedelta(seconds=second)).isoformat()
