"""`python -m pipelines schedules status`."""

import json
from datetime import UTC, datetime

from click.testing import CliRunner

from kfp_client.server_runs import RunServer
from pipelines.__main__ import main
from pipelines.packages import Packages, Target
from pipelines.schedule_status import schedule_status
from pipelines.schedules import apply_plan, make_plan, read_lines
from tests.pipelines.test_schedules import PACKAGE

NOW = datetime(
    2026, 1, 10, tzinfo=UTC
)  # the server's clock stands a few seconds after midnight of 1 January, a Thursday


def schedule(folder, name, text):
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yaml").write_text(f"name: {name}\nschedule: {text}\n")


def apply(folder):
    server = RunServer.connect()
    packages = Packages(Target(), folder.parent, given=PACKAGE)
    apply_plan(server, make_plan(server, read_lines(folder), packages, "csad-pipeline"), packages)
    return server


def fire(kfp, name, state):
    """What the scheduler does: a run of the schedule, in its experiment."""
    (recurring,) = (one for one in kfp.recurring.values() if one["display_name"] == f"csad-{name}")
    run = {
        "run_id": f"run-of-{name}-{len(kfp.runs)}",
        "display_name": name,
        "experiment_id": recurring["experiment_id"],
        "recurring_run_id": recurring["recurring_run_id"],
        "created_at": kfp.now(),
    }
    kfp.runs[run["run_id"]] = run
    kfp.change(run["run_id"], state)
    return run["run_id"]


def test_each_line_shows_its_last_run_and_its_next(kfp, tmp_path):
    schedule(tmp_path / "lines", "bottles", "{cron: 0 0 2 * * MON}")
    schedule(tmp_path / "lines", "kits", "{cron: 0 30 4 * * *, enabled: false}")
    server = apply(tmp_path / "lines")
    fire(kfp, "bottles", "FAILED")
    last = fire(kfp, "bottles", "SUCCEEDED")

    bottles, kits = schedule_status(server, now=NOW).lines

    assert (bottles.line, bottles.last_run, bottles.last_state) == ("bottles", last, "succeeded")
    assert bottles.next_start == "2026-01-12T02:00:00+00:00"
    assert (kits.last_run, kits.next_start, kits.enabled) == (None, None, False)


def test_a_due_time_that_passed_without_a_run_is_said(kfp, tmp_path):
    schedule(tmp_path / "lines", "bottles", "{cron: 0 0 2 * * MON}")
    server = apply(tmp_path / "lines")
    fire(kfp, "bottles", "SUCCEEDED")
    found = schedule_status(server, now=NOW)
    assert found.lines[0].overdue
    assert "bottles: the last due time passed without a run" in found.to_text()
    assert not schedule_status(server, now=datetime(2026, 1, 5, 2, 0, 30, tzinfo=UTC)).lines[0].overdue


def test_the_command_shows_one_line_or_all(kfp, tmp_path):
    for name in ("bottles", "kits"):
        schedule(tmp_path / "lines", name, "{cron: 0 0 2 * * MON}")
    apply(tmp_path / "lines")
    shown = CliRunner().invoke(main, ["schedules", "status"])
    assert shown.exit_code == 0, shown.output
    assert "bottles  0 0 2 * * MON  never" in shown.output
    one = CliRunner().invoke(main, ["schedules", "status", "--line", "kits", "--json"])
    assert [line["line"] for line in json.loads(one.output)["lines"]] == ["kits"]


def test_without_schedules_the_command_says_how_to_make_some(kfp):
    assert "schedules apply" in CliRunner().invoke(main, ["schedules", "status"]).output
