"""Why a run is as it is: its stages, what its pods wait for, and the last words of what failed."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from kfp_server_api import V2beta1Run

from csad.common.errors import StoreError
from csad.common.humanize import duration
from csad.common.tables import table
from pipelines.run_logs import RunLogs, TaskLog
from pipelines.run_nodes import aware, read_nodes
from pipelines.run_pods import PodTrouble, RunInCluster
from pipelines.run_stages import StageState, stages_of

UNFINISHED = frozenset({"PENDING", "RUNNING", "CANCELING", "PAUSED"})
YOUNG_SECONDS = 60
"""A run may be this old before its Workflow is made."""
GONE = (
    "the run's Workflow does not exist any more, so nothing works on it, though the server will say {state} for ever; "
    "finished stages are cached: submit the line again"
)
SILENT = "the server gives no reason; a run that was stopped ends as FAILED, too"


@dataclass(frozen=True)
class StageReport:
    """A stage, and what is wrong with it.

    Attributes:
        stage: Its name.
        state: Word of the API, in small letters.
        how: run, cached, skipped, driver (Kubeflow's own pod before the task), or unknown.
        attempts: Containers that were started for it.
        seconds: Wall time so far; None before its start.
        waits: Why its pod does not start.
        reason: Why it failed, as Kubernetes, Argo or our own message has it.
        log: The last lines that it printed, where it failed.
        log_source: Where these were read.
    """

    stage: str
    state: str
    how: str
    attempts: int
    seconds: float | None
    waits: str = ""
    reason: str = ""
    log: tuple[str, ...] = ()
    log_source: str = ""


@dataclass(frozen=True)
class RunReport:
    """A run and its stages.

    Attributes:
        run: Its id.
        name: Name as people see it.
        state: Word of the API; "gone" where it says RUNNING and nothing runs.
        seconds: Wall time so far.
        stages: The first to start first.
        reasons: Why the run failed or does not go on.
        notes: What could not be looked at, and why.
    """

    run: str
    name: str
    state: str
    seconds: float | None
    stages: tuple[StageReport, ...]
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Write for scripts."""
        return asdict(self)

    def to_text(self) -> str:
        """Write for people."""
        head = f"{self.name} ({self.run}): {self.state}, {wall_time(self.seconds)}"
        rows = [
            (one.stage, one.state, one.how, f"{one.attempts or ''}", wall_time(one.seconds), one.waits or one.reason)
            for one in self.stages
        ]
        titles = ("stage", "state", "how", "attempts", "time", "why")
        lines = [head, "", table(titles, [[_first_line(cell) for cell in row] for row in rows])]
        lines += ["", *(f"why: {reason}" for reason in self.reasons)] if self.reasons else []
        for one in self.stages:
            if one.log:
                lines += ["", f"last lines of {one.stage} ({one.log_source}):", *(f"    {line}" for line in one.log)]
        lines += ["", *(f"note: {note}" for note in self.notes)] if self.notes else []
        return "\n".join(lines)


def explain(
    run: V2beta1Run, cluster: RunInCluster, open_logs: Callable[[str], RunLogs], now: datetime | None = None
) -> RunReport:
    """Put together what the server, Kubernetes and the logs say about a run.

    Args:
        run: With the details of its tasks.
        cluster: What Kubernetes says.
        open_logs: Opens the logs of a run by its id; only called where a stage failed.
        now: Ends the wall time of what still runs.
    """
    moment = now or datetime.now(UTC)
    notes = [cluster.note] if cluster.note else []
    stages = stages_of(read_nodes(run))
    logs, note = _logs(run.run_id, [one for one in stages if one.failed and one.how == "run"], open_logs)
    notes += [note] if note else []
    reports = tuple(_stage(one, cluster, logs.get(one.path), moment) for one in stages)
    started, ended = aware(run.created_at), aware(run.finished_at)
    seconds = ((ended or moment) - started).total_seconds() if started else None
    unfinished = run.state in UNFINISHED
    gone = bool(cluster.gone) and unfinished and (seconds or 0) > YOUNG_SECONDS
    reasons = [GONE.format(state=run.state)] if gone else []
    reasons += [f"{one.stage}: {one.waits}" for one in reports if one.waits and unfinished and not gone]
    if run.state == "FAILED":
        reasons += [f"{one.stage}: {one.reason}" for one in reports if one.state == "failed" and one.reason]
        reasons += [cluster.messages[""]] if cluster.messages.get("") and not reasons else []
        reasons += [SILENT] if not reasons else []
    state = "gone" if gone else str(run.state or "unknown").lower()
    return RunReport(run.run_id, run.display_name or "", state, seconds, reports, tuple(reasons), tuple(notes))


def wall_time(seconds: float | None) -> str:
    """Write a time so far; nothing before the start."""
    return "" if seconds is None else duration(round(seconds))


def _stage(stage: StageState, cluster: RunInCluster, log: TaskLog | None, now: datetime) -> StageReport:
    own = [one for one in cluster.troubles if _belongs(one, stage)]
    finished = stage.state in ("SUCCEEDED", "SKIPPED")
    waiting = [one.to_text() for one in own if one.waiting and not finished]
    ended = [one.to_text() for one in own if not one.waiting]
    reason = ""
    if stage.failed:
        told = [cluster.messages[path] for path in sorted(cluster.messages) if _inside(path, stage.path)]
        reason = next(iter([*([log.error] if log and log.error else []), *ended[-1:], *told[-1:]]), "")
        if stage.how == "driver" and not reason:
            reason = "Kubeflow's own pod before the task failed: its API server, ML Metadata or the store was away"
    return StageReport(
        stage=stage.name,
        state=stage.state.lower() or "unknown",
        how=stage.how,
        attempts=stage.attempts,
        seconds=stage.seconds(now),
        waits="; ".join(dict.fromkeys(waiting)),
        reason=reason,
        log=log.lines if log else (),
        log_source=log.source if log else "",
    )


def _logs(
    run: str, failed: list[StageState], open_logs: Callable[[str], RunLogs]
) -> tuple[dict[str, TaskLog], str | None]:
    if not failed:
        return {}, None
    try:
        logs = open_logs(run)
        found = {stage.path: logs.last(stage.name) for stage in failed}
    except StoreError as error:
        return {}, f"the logs were not read: {error}"
    missing = [stage.name for stage in failed if found[stage.path] is None]
    note = f"no executor-logs of {', '.join(missing)}; is --artifacts the pipeline root?" if missing else None
    return {path: log for path, log in found.items() if log is not None}, note


def _belongs(trouble: PodTrouble, stage: StageState) -> bool:
    return _inside(trouble.path, stage.path) or _inside(trouble.path, f"{stage.path}-driver")


def _inside(path: str, outer: str) -> bool:
    return path == outer or path.startswith((f"{outer}.", f"{outer}("))


def _first_line(text: str) -> str:
    first = text.partition("\n")[0]
    return first if len(first) <= 100 else f"{first[:97]}..."
