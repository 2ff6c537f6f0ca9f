"""Choosing among the runs of a server."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from kfp_server_api import V2beta1Run

from csad.common.errors import DeploymentError
from csad.common.tables import table
from kfp_client.server import PipelineServerError
from kfp_client.server_runs import RunServer
from pipelines.run_nodes import aware
from pipelines.run_pods import Lookout, RunInCluster
from pipelines.run_report import UNFINISHED, YOUNG_SECONDS, wall_time
from pipelines.run_stages import read_stages

NEWEST = 200
"""Runs among which one is looked for by the beginning of its id, or by what happened to it."""
MAXIMUM_RETRIES = 2
LAST = "last"


@dataclass(frozen=True)
class ListedRun:
    """One run.

    Attributes:
        run: Its id.
        name: Name as people see it.
        state: Word of the API in small letters, or "gone".
        started: When, as ISO 8601.
        seconds: Wall time so far.
        waits: Why a pod does not start; "" where all do, or where Kubernetes was not asked.
    """

    run: str
    name: str
    state: str
    started: str
    seconds: float | None
    waits: str


@dataclass(frozen=True)
class RunList:
    """Runs of a server.

    Attributes:
        runs: The newest first.
        note: What could not be looked at, and why.
    """

    runs: tuple[ListedRun, ...]
    note: str

    def to_json(self) -> dict[str, Any]:
        """Write for scripts."""
        return asdict(self)

    def to_text(self) -> str:
        """Write for people."""
        if not self.runs:
            return "no runs"
        rows = [
            (one.run, one.state, wall_time(one.seconds), one.started[:16], one.name, one.waits) for one in self.runs
        ]
        listed = table(("run", "state", "time", "started (UTC)", "name", "waits for"), rows)
        return f"{listed}\n\nnote: {self.note}" if self.note else listed


def list_runs(server: RunServer, line: str | None, limit: int, now: datetime | None = None) -> RunList:
    """List the newest runs; Kubernetes is asked about those that are not at their end.

    Raises:
        PipelineServerError: The server refuses, or knows no such line.
    """
    found = server.runs(limit, _experiment(server, line) if line else None)
    open_runs = [run for run in found if run.state in UNFINISHED]
    lookout = Lookout.open(server.runs_namespace) if open_runs else None
    seen = {run.run_id: lookout.look(run.run_id) for run in open_runs} if lookout else {}
    moment = now or datetime.now(UTC)
    listed = tuple(_listed(run, seen.get(run.run_id), moment) for run in found)
    return RunList(listed, next((one.note for one in seen.values() if one.note), ""))


def find_run(server: RunServer, wanted: str) -> V2beta1Run:
    """Find a run by its id, the beginning of its id, or "last".

    Raises:
        PipelineServerError: There is none, or there are several.
    """
    known = server.runs(1 if wanted == LAST else NEWEST)
    found = known if wanted == LAST else [run for run in known if run.run_id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if len(found) > 1:
        raise PipelineServerError(f"{len(found)} runs begin with {wanted!r}; give more of the id")
    if len(known) == NEWEST and len(wanted) == 36:
        return server.get_run(wanted)
    raise PipelineServerError(
        f"{server.endpoint} has no run {wanted!r}; see `python -m pipelines runs`, and --kfp-namespace for your own"
    )


def failed_in_outage(server: RunServer, since: datetime) -> list[V2beta1Run]:
    """Find runs that failed in Kubeflow's own pods while none of their stages did, and that were not repeated twice.

    Args:
        server: Where.
        since: Older runs are left alone.

    Raises:
        PipelineServerError: The server refuses.
    """
    recent = [run for run in server.runs(NEWEST) if run.state == "FAILED" and (aware(run.created_at) or since) > since]
    return [run for run in (server.get_run(one.run_id) for one in recent) if _outage(run)]


def stuck_runs(server: RunServer, longer_than: timedelta, now: datetime | None = None) -> list[tuple[V2beta1Run, str]]:
    """Find runs with a pod that has not been able to start for long, and why.

    Raises:
        PipelineServerError: The server refuses.
        DeploymentError: Kubernetes cannot be asked.
    """
    lookout, moment = Lookout.open(server.runs_namespace), now or datetime.now(UTC)
    found = []
    for run in (one for one in server.runs(NEWEST) if one.state in UNFINISHED):
        seen = lookout.look(run.run_id)
        if seen.note:
            raise DeploymentError(seen.note)
        long = [one for one in seen.troubles if one.waiting and one.since and moment - one.since > longer_than]
        if long:
            found.append((run, long[0].to_text()))
    return found


def _outage(run: V2beta1Run) -> bool:
    failed = [stage for stage in read_stages(run) if stage.failed]
    failures = sum(1 for one in run.state_history or [] if one.state == "FAILED")
    return bool(failed) and all(stage.how == "driver" for stage in failed) and failures <= MAXIMUM_RETRIES


def _experiment(server: RunServer, line: str) -> str:
    found = server.find_experiment(line)
    if found is None:
        raise PipelineServerError(f"{server.endpoint} has no runs of a line {line!r}; see `python -m pipelines runs`")
    return found


def _listed(run: V2beta1Run, seen: RunInCluster | None, now: datetime) -> ListedRun:
    started, ended = aware(run.created_at), aware(run.finished_at)
    seconds = ((ended or now) - started).total_seconds() if started else None
    gone = seen is not None and bool(seen.gone) and (seconds or 0) > YOUNG_SECONDS
    waits = next((one.to_text() for one in seen.troubles if one.waiting), "") if seen and not gone else ""
    state = "gone" if gone else str(run.state or "unknown").lower()
    return ListedRun(run.run_id, run.display_name or "", state, started.isoformat() if started else "", seconds, waits)
