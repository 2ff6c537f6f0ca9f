"""The real times of a line's last run that did the work, as the pipeline server has them."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from kfp_client.server_runs import RunServer
from pipelines.run_nodes import aware
from pipelines.run_stages import read_stages

RECENT = 20
"""Runs of a line among which one is looked for; schedules make many that had nothing to do."""
TRAINED = "statistics"


@dataclass(frozen=True)
class LastRun:
    """A finished run.

    Attributes:
        run: Its id.
        name: Name as people see it.
        minutes: Wall time.
        stages: Minutes of each stage that ran in a container, those of one name added up.
    """

    run: str
    name: str
    minutes: float
    stages: Mapping[str, float]


def find_last_run(server: RunServer, line: str) -> LastRun | None:
    """Find the newest run of a line that succeeded and trained; None where there is none.

    Raises:
        PipelineServerError: The server refuses or does not answer.
    """
    experiment = server.find_experiment(line)
    if experiment is None:
        return None
    for run in server.runs(RECENT, experiment):
        if run.state != "SUCCEEDED":
            continue
        found = server.get_run(run.run_id)
        stages: dict[str, float] = defaultdict(float)
        for stage in read_stages(found):
            if stage.how == "run":
                stages[stage.name] += (stage.seconds(datetime.now(UTC)) or 0) / 60
        started, ended = aware(found.created_at), aware(found.finished_at)
        if TRAINED in stages and started and ended:
            return LastRun(found.run_id, found.display_name or "", (ended - started).total_seconds() / 60, dict(stages))
    return None
