"""Runs as a real pipeline server (2.17.0 with Argo Workflows) has them; nothing is executed."""

from abc import abstractmethod
from typing import Any

from tests.services.kfp_answers import Refused, find, page


class Runs:
    """Looking at runs, ending them and going on with them.

    Attributes:
        runs: By id.
    """

    runs: dict[str, dict[str, Any]]

    @abstractmethod
    def now(self) -> str:
        """A time that is later than the last one."""

    def get_run(self, identity: str, **_: Any) -> tuple[str, Any]:
        return "V2beta1Run", find(self.runs, identity, "run")

    def list_runs(self, *, query: dict[str, str], **_: Any) -> tuple[str, Any]:
        wanted = query.get("experiment_id")
        mine = {key: run for key, run in self.runs.items() if wanted in (None, run["experiment_id"])}
        return "V2beta1ListRunsResponse", page(mine, "runs", query)

    def terminate_run(self, identity: str, **_: Any) -> tuple[str, Any]:
        """A run that is stopped ends as FAILED, and nothing tells it from one that failed."""
        run = find(self.runs, identity, "run")
        if run["state"] not in ("PENDING", "RUNNING"):
            raise Refused(400, f"Failed to terminate run {identity}: the run is at its end")
        self.change(identity, "FAILED")
        return "object", {}

    def retry_run(self, identity: str, **_: Any) -> tuple[str, Any]:
        """What succeeded stays; the rest is to be done again."""
        run = find(self.runs, identity, "run")
        if run["state"] != "FAILED":
            raise Refused(400, "Workflow must be Failed/Error to retry")
        tasks = run.get("run_details", {}).get("task_details", [])
        kept = [task for task in tasks if task["state"] != "FAILED"]
        run["run_details"] = {"task_details": kept}
        del run["finished_at"]
        self.change(identity, "RUNNING")
        return "object", {}

    def change(self, identity: str, state: str) -> None:
        """Bring a run into a state, as its Workflow would; `error` stays empty, as on a real server."""
        run = self.runs[identity]
        run["state"] = state
        history = run.setdefault("state_history", [])
        history.append({"update_time": self.now(), "state": state})
        if state in ("SUCCEEDED", "FAILED"):
            run["finished_at"] = history[-1]["update_time"]
