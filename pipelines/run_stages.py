"""What became of each stage of a run."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from kfp_server_api import V2beta1Run

from pipelines.run_nodes import NO_TIME, Nodes, Task, read_nodes

EXECUTOR = ".executor"
DRIVER = "-driver"

How = Literal["run", "cached", "skipped", "driver", "unknown"]
"""run: in a container; cached: results of an earlier run; skipped: a condition did not hold; driver: still in, or
failed in, the small pod that Kubeflow starts before each task."""


@dataclass(frozen=True)
class StageState:
    """One stage of a run.

    Attributes:
        name: Name as the pipeline names it; several of one name in a loop.
        path: Full name in the workflow, such as .root.ingest.
        state: Word of the API.
        how: How it came to its results.
        attempts: Containers that were started for it; 0 where none was.
        started: When.
        ended: When.
    """

    name: str
    path: str
    state: str
    how: How
    attempts: int = 0
    started: datetime | None = None
    ended: datetime | None = None

    @property
    def failed(self) -> bool:
        """Whether it kept the run from its end."""
        return self.state == "FAILED"

    def seconds(self, now: datetime) -> float | None:
        """Wall time until its end, or until now; None before its start."""
        return ((self.ended or now) - self.started).total_seconds() if self.started else None


def read_stages(run: V2beta1Run) -> tuple[StageState, ...]:
    """Read the stages of a run, the first to start first."""
    return stages_of(read_nodes(run))


def stages_of(nodes: Nodes) -> tuple[StageState, ...]:
    """Find the stages among the tasks of a run."""
    executors = {name for name in nodes.by_name if name.endswith(EXECUTOR)}
    paths = {_whole(name.removesuffix(EXECUTOR)) for name in executors}
    stages = [_executed(nodes, path, executors) for path in sorted(paths)]
    stages += _stuck_in_driver(nodes)
    stages += _skipped(nodes)
    return tuple(sorted(stages, key=lambda stage: (stage.started is None, stage.started or NO_TIME, stage.path)))


def _executed(nodes: Nodes, path: str, executors: set[str]) -> StageState:
    own = [name for name in executors if _whole(name.removesuffix(EXECUTOR)) == path]
    attempts = sum(len(nodes.attempts(name)) for name in own)
    task = nodes.task(path) or Task("", "")
    finished = task.state in ("SUCCEEDED", "SKIPPED")
    how: How = "run" if attempts else "cached" if finished else "unknown"
    return StageState(_label(path), path, task.state, how, attempts, task.started, task.ended)


def _stuck_in_driver(nodes: Nodes) -> list[StageState]:
    """Drivers whose task was not reached."""
    found = []
    for name in nodes.by_name:
        path = name.removesuffix(DRIVER)
        task = nodes.task(name)
        if path != name and path not in nodes.by_name and task and task.state not in ("SUCCEEDED", "SKIPPED"):
            found.append(StageState(_label(path), path, task.state, "driver", 0, task.started, task.ended))
    return found


def _skipped(nodes: Nodes) -> list[StageState]:
    names = [name for name, task in nodes.by_name.items() if task and task.state == "SKIPPED"]
    wanted = [name for name in names if not name.endswith((EXECUTOR, DRIVER))]
    return [StageState(_label(name), name, "SKIPPED", "skipped") for name in wanted if not _has_below(nodes, name)]


def _has_below(nodes: Nodes, name: str) -> bool:
    return any(other.startswith((f"{name}.", f"{name}(")) for other in nodes.by_name)


def _whole(name: str) -> str:
    """The task that a name is an attempt at."""
    head, bracket, last = name.rpartition("(")
    return head if bracket and last.rstrip(")").isdigit() else name


def _label(path: str) -> str:
    return path.rpartition(".")[2]
