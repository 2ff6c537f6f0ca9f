"""When each line trained last, what became of it, and when it trains next."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from kfp_server_api import V2beta1RecurringRun, V2beta1Run

from csad.common.tables import table
from csad.config.cron_times import next_time
from kfp_client.server_runs import RunServer
from pipelines.run_nodes import aware
from pipelines.schedules import OWNER, PREFIX, is_enabled

LOOKED_AT = 100
"""Newest runs of a line's experiment among which the schedule's last one is sought."""


@dataclass(frozen=True)
class LineSchedule:
    """The schedule of one line on the server.

    Attributes:
        line: Its name.
        cron: Six fields.
        enabled: Whether it starts runs.
        last_run: Id of the last run that it started; None where there is none.
        last_state: Word of the API in small letters.
        last_started: When, as ISO 8601.
        next_start: When the next one is due, as ISO 8601; None where it is paused or never due.
        overdue: The last due time has passed without a run: the server was away, or the run before it was at work.
    """

    line: str
    cron: str
    enabled: bool
    last_run: str | None
    last_state: str | None
    last_started: str | None
    next_start: str | None
    overdue: bool


@dataclass(frozen=True)
class ScheduleStatus:
    """All lines that have a schedule on the server."""

    lines: tuple[LineSchedule, ...]

    def to_json(self) -> dict[str, Any]:
        """Write for scripts."""
        return asdict(self)

    def to_text(self) -> str:
        """Write for people."""
        if not self.lines:
            return "no line has a schedule on the server; python -m pipelines schedules apply"
        rows = [
            (
                one.line,
                one.cron,
                _short(one.last_started) or "never",
                one.last_state or "",
                (_short(one.next_start) or "never") if one.enabled else "paused",
                one.last_run or "",
            )
            for one in self.lines
        ]
        head = ("line", "schedule", "last run", "state", "next run (UTC)", "id of the last run")
        late = [one.line for one in self.lines if one.overdue]
        notes = [f"{', '.join(late)}: the last due time passed without a run"] if late else []
        return "\n".join([table(head, rows), *notes])


def schedule_status(server: RunServer, line: str | None = None, now: datetime | None = None) -> ScheduleStatus:
    """Look at the recurring runs that csad made; Kubeflow's scheduler counts in UTC unless it is told otherwise.

    Raises:
        PipelineServerError: The server refuses.
    """
    own = [
        run
        for run in server.recurring_runs()
        if (run.description or "").startswith(OWNER) and run.display_name.startswith(PREFIX)
    ]
    wanted = [run for run in own if line in (None, run.display_name.removeprefix(PREFIX))]
    moment = now or datetime.now(UTC)
    found = [_status(server, run, moment) for run in sorted(wanted, key=lambda run: str(run.display_name))]
    return ScheduleStatus(tuple(found))


def _status(server: RunServer, schedule: V2beta1RecurringRun, now: datetime) -> LineSchedule:
    started = server.runs(LOOKED_AT, schedule.experiment_id)
    own = [run for run in started if run.recurring_run_id == schedule.recurring_run_id]
    last: V2beta1Run | None = own[0] if own else None
    cron = schedule.trigger.cron_schedule.cron if schedule.trigger and schedule.trigger.cron_schedule else ""
    enabled = is_enabled(schedule)
    since = aware(last.created_at if last else schedule.created_at)
    due = next_time(cron, since) if enabled and cron and since else None
    following = next_time(cron, now) if enabled and cron else None
    return LineSchedule(
        line=schedule.display_name.removeprefix(PREFIX),
        cron=cron,
        enabled=enabled,
        last_run=last.run_id if last else None,
        last_state=str(last.state or "unknown").lower() if last else None,
        last_started=_iso(aware(last.created_at)) if last else None,
        next_start=_iso(following),
        overdue=due is not None and (now - due).total_seconds() > 60,
    )


def _iso(time: datetime | None) -> str | None:
    return time.isoformat() if time else None


def _short(text: str | None) -> str:
    return (text or "")[:16].replace("T", " ")
