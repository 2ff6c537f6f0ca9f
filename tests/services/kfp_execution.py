"""Plays runs on the stand-in for a pipeline server as KFP 2.17.0 with Argo Workflows 4.0.5 does.

Drivers, conditions, loops, the cache and failures are KFP's; what a task itself does is the test's. Seen on a server:

- The cache key holds image, command, parameters and the identity of input artifacts, never their bytes.
- `error` of a run stays empty; a run that is stopped ends FAILED; a retry goes on after what has succeeded.
- A metric that is not finite fails its task, and parameters of 200 KB fail their driver; 100 KB work.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.services.kfp_answers import identity
from tests.services.kfp_server import KfpServer
from tests.services.kfp_workflow import Workflow

PLACEHOLDER = re.compile(r"\{\{\$\.inputs\.parameters\['(.+?)'\]\}\}")
CONDITION = re.compile(r"inputs\.parameter_values\['(.+?)'\] == '(.*)'")
LARGEST_ARGUMENTS = 150_000
"""Bytes; between the 100 KB that were seen to work and the 200 KB that were seen to fail."""
SECONDS = 10


class TaskFailed(Exception):  # noqa: N818 - what happened
    """The container of a task ended with another exit code than 0."""


@dataclass(frozen=True)
class Done:
    """What a container left.

    Attributes:
        parameters: Output parameters by name.
        metrics: What it logged.
        artifacts: What later tasks know its output artifacts by; those that are not here get a new identity.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    artifacts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """A finished task as later ones see it: output parameters, and the identity of each output artifact."""

    parameters: Mapping[str, Any]
    artifacts: Mapping[str, Any]


@dataclass(frozen=True)
class Pod:
    """What a task's pod asked the cluster for."""

    task: str
    accelerator: str
    count: str
    node_selector: dict[str, str]
    tolerations: list[dict[str, str]]


Body = Callable[[Mapping[str, Any], Mapping[str, Any]], Done]
"""A container: input parameters and identities of input artifacts -> what it leaves."""


class Execution:
    """Plays the runs of a server.

    Args:
        server: Its runs are played when the test says so.
        bodies: What the containers do, by task; the others end at once.

    Attributes:
        pods: Pods of tasks by run, those of the cache left out.
    """

    def __init__(self, server: KfpServer, bodies: Mapping[str, Body]) -> None:
        self._server = server
        self._bodies = bodies
        self._cache: dict[str, Result] = {}
        self._kept: dict[tuple[str, str], Result] = {}
        self.pods: dict[str, list[Pod]] = {}

    def play(self, run: str) -> None:
        """Bring a run to its end, or leave it where it has one."""
        if self._server.runs[run]["state"] in ("SUCCEEDED", "FAILED"):
            return
        self._server.change(run, "RUNNING")
        played = _Played(self, self._server, run)
        state = "SUCCEEDED" if played.play() else "FAILED"
        self._server.runs[run]["run_details"] = {"task_details": played.details(state)}
        self._server.change(run, state)

    def fire(self, recurring: str) -> str | None:
        """Start the run that a schedule has due; None while `max_concurrency` of them are under way (no catch-up)."""
        schedule = self._server.recurring[recurring]
        mine = [one for one in self._server.runs.values() if one.get("recurring_run_id") == recurring]
        under_way = [one for one in mine if one["state"] in ("PENDING", "RUNNING")]
        if schedule["status"] != "ENABLED" or len(under_way) >= int(schedule["max_concurrency"]):
            return None
        copied = ("experiment_id", "pipeline_version_reference", "runtime_config", "service_account", "display_name")
        made = {name: schedule[name] for name in copied if name in schedule}
        made |= {"run_id": identity(), "recurring_run_id": recurring, "created_at": self._server.now()}
        self._server.runs[made["run_id"]] = made | {"state": "PENDING"}
        return str(made["run_id"])


class _Played:
    def __init__(self, execution: Execution, server: KfpServer, run: str) -> None:
        self._of, self._run = execution, run
        asked = server.runs[run]
        reference = asked.get("pipeline_version_reference")
        whole = server.versions[reference["pipeline_version_id"]] if reference else asked
        self._specification = whole["pipeline_spec"]["pipeline_spec"]
        platform = whole["pipeline_spec"]["platform_spec"]
        self._wishes = (
            platform.get("platforms", {}).get("kubernetes", {}).get("deploymentSpec", {}).get("executors", {})
        )
        root = self._specification["root"]
        known = root.get("inputDefinitions", {}).get("parameters", {})
        defaults = {name: about["defaultValue"] for name, about in known.items() if "defaultValue" in about}
        self._given = defaults | (asked.get("runtime_config", {}).get("parameters") or {})
        self._workflow = Workflow()
        self._second = 0
        self._of.pods[run] = []

    def play(self) -> bool:
        try:
            self._group(self._specification["root"], self._given, {}, "")
        except TaskFailed:
            return False
        return True

    def details(self, state: str) -> list[dict[str, Any]]:
        """The tasks; groups that were under way end as the run does."""
        for name, found in self._workflow.states.items():
            if found == "RUNNING":
                self._workflow.states[name] = state
                self._workflow.times[name] = (self._workflow.times[name][0], self._second)
        return self._workflow.details()

    def _group(
        self, group: dict[str, Any], scope: Mapping[str, Any], artifacts: Mapping[str, Any], path: str
    ) -> Result:
        results: dict[str, Result] = {}
        for name in _in_order(group["dag"]["tasks"]):
            task = group["dag"]["tasks"][name]
            component = self._specification["components"][task["componentRef"]["name"]]
            given = _parameters(task, scope, results)
            taken = _artifacts(task, artifacts, results)
            here = f"{path}{name}"
            if not _holds(task, given):
                self._workflow.skip(here, self._second)
                results[name] = Result({}, {})
            elif "dag" not in component:
                results[name] = self._task(here, name, task, component, given, taken)
            elif "parameterIterator" in task:
                items = json.loads(task["parameterIterator"]["items"]["raw"])
                item = task["parameterIterator"]["itemInput"]
                rounds = [
                    self._group(component, {**given, item: value}, taken, f"{here}.{number}.")
                    for number, value in enumerate(items)
                ]
                names = rounds[0].artifacts
                results[name] = Result({}, {key: [one.artifacts[key] for one in rounds] for key in names})
            else:
                results[name] = self._group(component, given, taken, f"{here}.")
        handed = group["dag"].get("outputs", {}).get("artifacts", {})
        selected = {key: about["artifactSelectors"][0] for key, about in handed.items()}
        return Result(
            {},
            {key: results[one["producerSubtask"]].artifacts[one["outputArtifactKey"]] for key, one in selected.items()},
        )

    def _task(
        self,
        path: str,
        name: str,
        task: dict[str, Any],
        component: dict[str, Any],
        given: Mapping[str, Any],
        taken: Mapping[str, Any],
    ) -> Result:
        begin, self._second = self._second, self._second + SECONDS
        before = self._of._kept.get((self._run, path))
        if before is not None:  # a retry leaves alone what succeeded
            self._workflow.task(path, "SUCCEEDED", begin, begin + SECONDS)
            return before
        container = self._specification["deploymentSpec"]["executors"][component["executorLabel"]]["container"]
        inputs = {
            key: given[key] for key in component.get("inputDefinitions", {}).get("parameters", {}) if key in given
        }
        if len(json.dumps(inputs)) > LARGEST_ARGUMENTS:
            self._workflow.task(path, "FAILED", begin, None, driver="FAILED")
            raise TaskFailed(path)
        key = json.dumps(
            [container["image"], container["command"], container.get("args"), inputs, taken], sort_keys=True
        )
        cached = self._of._cache.get(key) if task.get("cachingOptions", {}).get("enableCache") else None
        if cached is not None:
            self._workflow.task(path, "SUCCEEDED", begin, begin + SECONDS, attempts=0)
            return cached
        self._of.pods[self._run].append(self._pod(name, component, container, given))
        try:
            done = self._of._bodies.get(name, lambda parameters, artifacts: Done())(inputs, taken)
            if not all(math.isfinite(value) for value in done.metrics.values()):
                raise TaskFailed(path)
        except (TaskFailed, SystemExit):
            self._workflow.task(path, "FAILED", begin, begin + SECONDS)
            raise TaskFailed(path) from None
        made = component.get("outputDefinitions", {}).get("artifacts", {})
        kept = {output: done.artifacts.get(output) or identity() for output in made}
        result = Result(dict(done.parameters), kept)
        self._workflow.task(path, "SUCCEEDED", begin, begin + SECONDS)
        self._of._kept[self._run, path] = self._of._cache[key] = result
        return result

    def _pod(self, name: str, component: dict[str, Any], container: dict[str, Any], given: Mapping[str, Any]) -> Pod:
        asked = container.get("resources", {}).get("accelerator", {})
        wishes = self._wishes.get(component["executorLabel"], {})

        def named(wish: dict[str, Any], part: str) -> Any:
            channel = wish.get(part, {}).get("componentInputParameter", "").removeprefix("pipelinechannel--")
            return self._given.get(channel)

        tolerations = [one for wish in wishes.get("tolerations", []) for one in named(wish, "tolerationJson") or []]
        return Pod(
            name,
            str(_filled(asked.get("resourceType", ""), given)),
            str(_filled(asked.get("resourceCount", "0"), given)),
            named(wishes.get("nodeSelector", {}), "nodeSelectorJson") or {},
            tolerations,
        )


def _in_order(tasks: Mapping[str, Any]) -> Iterator[str]:
    """Each after those that it depends on, as Argo starts them one by one on a small node."""
    left = dict(tasks)
    while left:
        ready = next(name for name, task in left.items() if not set(task.get("dependentTasks", [])) & set(left))
        del left[ready]
        yield ready


def _parameters(task: dict[str, Any], scope: Mapping[str, Any], results: Mapping[str, Result]) -> dict[str, Any]:
    found = {}
    for name, origin in task.get("inputs", {}).get("parameters", {}).items():
        if "componentInputParameter" in origin:
            if origin["componentInputParameter"] in scope:
                found[name] = scope[origin["componentInputParameter"]]
        elif "taskOutputParameter" in origin:
            wanted = origin["taskOutputParameter"]
            found[name] = results[wanted["producerTask"]].parameters[wanted["outputParameterKey"]]
    for name, origin in task.get("inputs", {}).get("parameters", {}).items():
        if "runtimeValue" in origin:
            found[name] = _filled(origin["runtimeValue"]["constant"], found)
    return found


def _artifacts(task: dict[str, Any], scope: Mapping[str, Any], results: Mapping[str, Result]) -> dict[str, Any]:
    found = {}
    for name, origin in task.get("inputs", {}).get("artifacts", {}).items():
        wanted = origin.get("taskOutputArtifact")
        found[name] = (
            results[wanted["producerTask"]].artifacts[wanted["outputArtifactKey"]]
            if wanted
            else scope[origin["componentInputArtifact"]]
        )
    return found


def _holds(task: dict[str, Any], given: Mapping[str, Any]) -> bool:
    condition = task.get("triggerPolicy", {}).get("condition")
    if condition is None:
        return True
    found = CONDITION.fullmatch(condition)
    assert found is not None, f"the stand-in cannot evaluate {condition}"
    return bool(given[found[1]] == found[2])


def _filled(value: Any, given: Mapping[str, Any]) -> Any:
    match = PLACEHOLDER.fullmatch(value) if isinstance(value, str) else None
    return given[match[1]] if match else value
