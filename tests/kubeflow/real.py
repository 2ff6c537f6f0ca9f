"""A real Kubeflow as a backend: the one that CSAD_TEST_KFP names, in the cluster of KUBECONFIG."""

import json
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from kfp_client.server import PipelineServerError
from kfp_client.submission import StartedRun
from kfp_client.waiting import ENDED, wait_for
from tests.kubeflow.backend import Backend
from tests.services.kfp_execution import Pod

T = TypeVar("T")
MINUTES = 60.0
LOOK_SECONDS = 5


class Real(Backend):
    """A server and a cluster; runs ask for next to nothing and for no GPU unless a case says so."""

    def finish(self, run: str) -> str:
        started = StartedRun(run, "", "", run)
        state = self.server.run_state(run)
        while state not in ENDED:
            with suppress(PipelineServerError):  # how it ended is what the case asks
                wait_for(self.server, started, MINUTES)
            ended = self.server.run_state(run)
            assert ended in ENDED, f"run {run} is {ended} after {MINUTES:g} minutes"
            state = ended
        return state

    def due(self, line: str) -> str:
        experiment = self.server.find_experiment(line)
        before = {run.run_id for run in self.server.runs(50, experiment)}

        def look() -> str | None:
            new = [run.run_id for run in self.server.runs(50, experiment) if run.run_id not in before]
            return new[0] if new else None

        return self.until(look, f"the schedule of {line} starts a run")

    def pods(self, run: str, task: str) -> list[Pod]:
        found = self.until(lambda: self._pods(run, task), f"run {run} makes a pod for {task}")
        self.command("stop", run)
        return found

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl in the cluster of KUBECONFIG; what it says."""
        return subprocess.run(["kubectl", *arguments], capture_output=True, text=True, check=True).stdout.strip()

    def until(self, look: Callable[[], T | None], what: str) -> T:
        """Look again and again until there is something to see."""
        deadline = time.monotonic() + 60 * MINUTES
        while not (found := look()):
            assert time.monotonic() < deadline, f"waited {MINUTES:g} minutes until {what}"
            time.sleep(LOOK_SECONDS)
        return found

    def names_of_pods(self, run: str) -> list[str]:
        """Pods of a run that do its work: no drivers."""
        return [one["metadata"]["name"] for one in self._listed(run) if _main(one)]

    def _pods(self, run: str, task: str) -> list[Pod]:
        return [_asked(task, one) for one in self._listed(run) if _main(one) and task in _task_of(one)]

    def _listed(self, run: str) -> list[dict[str, Any]]:
        selector = f"pipeline/runid={run}"
        said = self.kubectl("-n", self.server.runs_namespace, "get", "pods", "-l", selector, "-o", "json")
        return list(json.loads(said)["items"])


def _main(pod: dict[str, Any]) -> bool:
    return "driver" not in pod["metadata"]["annotations"].get("workflows.argoproj.io/node-name", "")


def _task_of(pod: dict[str, Any]) -> list[str]:
    return str(pod["metadata"]["annotations"].get("workflows.argoproj.io/node-name", "")).split(".")


def _asked(task: str, pod: dict[str, Any]) -> Pod:
    limits = next(one for one in pod["spec"]["containers"] if one["name"] == "main")["resources"].get("limits", {})
    accelerators = {name: count for name, count in limits.items() if "/" in name}
    name, count = next(iter(accelerators.items()), ("", "0"))
    added = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
    tolerations = [one for one in pod["spec"].get("tolerations", []) if one.get("key") not in added]
    return Pod(task, name, str(count), pod["spec"].get("nodeSelector", {}), tolerations)
