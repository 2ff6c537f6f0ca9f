"""The tasks of a run by their full names.

The API of Kubeflow Pipelines (2.17) gives a task's last name only, so that every container is called "executor"; it
gives no task its own id, and does not say which results came out of the cache. But it lists the ids of the tasks that
come next, and an id of Argo is WORKFLOW-HASH: the 32-bit FNV-1a hash of the full name, such as
WORKFLOW.root.ingest.executor. So the full names can be found again, from the workflow's own name down.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from kfp_server_api import V2beta1Run

FNV_START, FNV_PRIME = 0x811C9DC5, 0x01000193
ATTEMPT = re.compile(r"\((\d+)\)$")
NO_TIME = datetime(1971, 1, 1, tzinfo=UTC)
"""Earlier times stand for none."""


@dataclass(frozen=True)
class Task:
    """A task as the API gives it.

    Attributes:
        label: Last part of its name, such as executor(0).
        state: Word of the API, such as SUCCEEDED.
        started: When; None before.
        ended: When; None before.
        following: Ids of the tasks that come next.
    """

    label: str
    state: str
    started: datetime | None = None
    ended: datetime | None = None
    following: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Nodes:
    """The tasks of one run.

    Attributes:
        workflow: Name of the Argo workflow; None where no task has started.
        by_name: Full name without the workflow's -> the task; None where the API's entry cannot be told from others.
    """

    workflow: str | None
    by_name: dict[str, Task | None]

    def attempts(self, name: str) -> list[str]:
        """Names of the attempts at a task, in order."""
        return sorted((one for one in self.by_name if _base(one) == name != one), key=_attempt)

    def task(self, name: str) -> Task | None:
        """The entry of a task, or of its last attempt."""
        known = [self.by_name.get(one) for one in (name, *reversed(self.attempts(name)))]
        return next((one for one in known if one is not None), None)


def read_nodes(run: V2beta1Run) -> Nodes:
    """Find the full names of a run's tasks."""
    return find_names(list(_tasks(run)))


def find_names(tasks: list[Task]) -> Nodes:
    """Find the full names of tasks."""
    ids = frozenset(one for task in tasks for one in task.following)
    if not ids:
        return Nodes(None, {})
    workflow = min(ids).rpartition("-")[0]
    labels = sorted({ATTEMPT.sub("", task.label) for task in tasks} - {workflow})
    attempts = range(1 + max((_attempt(task.label) for task in tasks), default=0))
    suffixes = [f"({attempt})" for attempt in attempts] + [f".{label}" for label in labels]
    below: dict[str, set[str]] = {}
    waiting = [workflow]
    while waiting:
        name = waiting.pop()
        start = _hash(name)
        found = {suffix: f"{workflow}-{_hash(suffix, start)}" for suffix in suffixes}
        known = {suffix: one for suffix, one in found.items() if one in ids}
        if ATTEMPT.search(name):
            known = {suffix: one for suffix, one in known.items() if suffix.startswith(".")}
        below[name] = set(known.values())
        waiting += [name + suffix for suffix in known]
    by_name = {name: _entry(name, tasks, below) for name in below}
    return Nodes(workflow, {name.removeprefix(workflow): task for name, task in by_name.items()})


def _entry(name: str, tasks: list[Task], below: dict[str, set[str]]) -> Task | None:
    """A task without others below it is known by its label, where no other has the same."""
    label = name.rpartition(".")[2]
    alike = [task for task in tasks if task.label == label]
    if below[name]:
        return next((task for task in alike if task.following & below[name]), None)
    namesakes = [other for other in below if other.rpartition(".")[2] == label]
    return alike[0] if len(alike) == len(namesakes) == 1 else None


def _tasks(run: V2beta1Run) -> Iterator[Task]:
    details = (run.run_details.task_details if run.run_details else None) or []
    for one in details:
        children: Iterable[str | None] = (child.pod_name for child in one.child_tasks or [])
        yield Task(
            label=one.display_name or "",
            state=one.state or "",
            started=aware(one.start_time),
            ended=aware(one.end_time),
            following=frozenset(child for child in children if child),
        )


def aware(found: datetime | None) -> datetime | None:
    """Return a time of the API in UTC; None for none, which it writes as a day of the year 1."""
    if found is None:
        return None
    time = found if found.tzinfo else found.replace(tzinfo=UTC)
    return time if time > NO_TIME else None


def _hash(text: str, start: int = FNV_START) -> int:
    value = start
    for byte in text.encode():
        value = (value ^ byte) * FNV_PRIME & 0xFFFFFFFF
    return value


def _base(name: str) -> str:
    return ATTEMPT.sub("", name)


def _attempt(name: str) -> int:
    match = ATTEMPT.search(name)
    return int(match[1]) if match else 0
