"""`python -m pipelines schedules` against a server that speaks the API, through the published client."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from csad.common.errors import LineError
from kfp_client.server import PipelineServerError, Server, version_name
from pipelines.__main__ import main
from pipelines.packages import Packages, Target
from pipelines.schedules import apply_plan, make_plan, read_lines

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "pipelines/compiled/training.yaml"


@pytest.fixture
def lines(tmp_path):
    folder = tmp_path / "lines"
    folder.mkdir()
    return folder


def write(folder, name, schedule="{cron: 0 0 2 * * MON}", more=""):
    (folder / f"{name}.yaml").write_text(f"name: {name}\nschedule: {schedule}\n{more}")


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """The pipelines of all shapes, compiled once."""
    return Packages(Target(), tmp_path_factory.mktemp("packages"))


@pytest.fixture
def plan(packages):
    def plan(folder, package=None):
        return make_plan(Server.connect(), read_lines(folder), given(package) or packages, "csad-pipeline")

    return plan


@pytest.fixture
def apply(packages):
    def apply(folder, package=None):
        server, used = Server.connect(), given(package) or packages
        planned = make_plan(server, read_lines(folder), used, "csad-pipeline")
        apply_plan(server, planned, used)
        return actions(planned)

    return apply


def given(package):
    return package and Packages(Target(), package.parent, package)


def actions(planned):
    return [(change.line, change.action) for change in planned.changes]


def by_name(kfp):
    return {run["display_name"]: run for run in kfp.recurring.values()}


def test_a_new_line_gets_its_schedule(kfp, lines, apply):
    write(lines, "bottles", "{cron: 0 0 2 * * MON, data: store://bottles, mask_shards: 3}")
    write(lines, "unscheduled", "{enabled: true}")

    assert apply(lines) == [("bottles", "create")]

    (run,) = kfp.recurring.values()
    (experiment,) = kfp.experiments.values()
    assert run["trigger"] == {"cron_schedule": {"cron": "0 0 2 * * MON"}}
    assert run["no_catchup"] is True
    assert run["max_concurrency"] == "1"
    assert run["service_account"] == "csad-pipeline"
    assert run["status"] == "ENABLED"
    assert experiment["display_name"] == "bottles"
    assert run["experiment_id"] == experiment["experiment_id"]
    parameters = run["runtime_config"]["parameters"]
    assert parameters == {"line_yaml": "{name: bottles}", "data_uri": "store://bottles", "seed": 0, "force": False}
    version = kfp.versions[run["pipeline_version_reference"]["pipeline_version_id"]]
    assert version["display_name"].startswith("csad-training-")
    text = yaml.safe_dump(version["pipeline_spec"]["pipeline_spec"], width=1000)
    assert '["1/3", "2/3", "3/3"]' in text


def test_the_promotion_pipeline_is_uploaded_with_the_schedules(kfp, lines, apply):
    write(lines, "bottles")
    apply(lines)
    assert {one["display_name"] for one in kfp.pipelines.values()} == {"csad-training", "csad-promotion"}


def test_lines_of_one_shape_share_a_version_and_others_have_their_own(kfp, lines, apply):
    for name, schedule in {"a": "{cron: 0 0 2 * * MON}", "b": "{cron: 0 0 3 * * *}"}.items():
        write(lines, name, schedule)
    write(lines, "c", "{cron: 0 0 2 * * MON, mask_shards: 2}")
    apply(lines)
    used = {
        name: run["pipeline_version_reference"]["pipeline_version_id"] for name, run in by_name(kfp).items()
    }  # fmt: skip
    assert used["csad-a"] == used["csad-b"] != used["csad-c"]


def test_the_same_again_changes_nothing_and_uploads_nothing(kfp, lines, apply):
    for name in ("a", "b", "c", "d", "e"):
        write(lines, name)
    apply(lines)
    before = dict(kfp.recurring), dict(kfp.versions)
    kfp.requests.clear()

    assert apply(lines) == [(name, "keep") for name in "abcde"]

    assert (kfp.recurring, kfp.versions) == before
    assert {method for method, _ in kfp.requests} == {"GET"}


def test_a_plan_changes_nothing(kfp, lines, plan):
    write(lines, "bottles")
    text = plan(lines).to_text()
    assert "+ bottles: create" in text
    assert text.splitlines()[-1] == "1 to create; 0 unchanged"
    assert {method for method, _ in kfp.requests} == {"GET"}
    assert kfp.recurring == {}


@pytest.mark.parametrize(
    ("schedule", "difference"),
    [
        ("{cron: 0 0 4 * * *}", 'cron: "0 0 2 * * MON" -> "0 0 4 * * *"'),
        ("{cron: 0 0 2 * * MON, data: store://bottles@aa}", 'data_uri: "store://bottles" -> "store://bottles@aa"'),
        ("{cron: 0 0 2 * * MON, mask_shards: 2}", 'version: "csad-training-'),
    ],
)
def test_a_changed_schedule_is_replaced_and_the_plan_says_what_differs(kfp, lines, schedule, difference, apply, plan):
    write(lines, "bottles")
    apply(lines)
    (old,) = kfp.recurring
    write(lines, "bottles", schedule)

    assert difference in plan(lines).to_text()
    assert apply(lines) == [("bottles", "replace")]

    (new,) = kfp.recurring
    assert new != old
    assert apply(lines) == [("bottles", "keep")]


def test_a_changed_setting_of_the_line_is_a_changed_schedule_and_a_comment_is_not(kfp, lines, apply):
    write(lines, "bottles")
    apply(lines)
    write(lines, "bottles", more="# a remark\nimages: {area: 131072}\n")
    assert apply(lines) == [("bottles", "keep")]
    write(lines, "bottles", more="images: {area: 65536}\n")
    assert apply(lines) == [("bottles", "replace")]


def test_a_new_pipeline_version_reaches_every_schedule(kfp, lines, tmp_path, apply, plan):
    write(lines, "bottles")
    write(lines, "kits")
    apply(lines)
    changed = tmp_path / "training.yaml"
    changed.write_text(PACKAGE.read_text().replace("csad-train:", "csad-train-2:"))

    assert f" -> {json.dumps(version_name(changed))}" in plan(lines, changed).to_text()
    assert apply(lines, changed) == [("bottles", "replace"), ("kits", "replace")]

    used = {run["pipeline_version_reference"]["pipeline_version_id"] for run in kfp.recurring.values()}
    assert [kfp.versions[version]["display_name"] for version in used] == [version_name(changed)]


def test_a_paused_line_is_disabled_and_resumed_without_a_new_recurring_run(kfp, lines, apply):
    write(lines, "bottles")
    apply(lines)
    (identity,) = kfp.recurring
    write(lines, "bottles", "{cron: 0 0 2 * * MON, enabled: false}")
    assert apply(lines) == [("bottles", "disable")]
    assert kfp.recurring[identity]["status"] == "DISABLED"
    write(lines, "bottles")
    assert apply(lines) == [("bottles", "enable")]
    assert kfp.recurring[identity]["status"] == "ENABLED"
    assert list(kfp.recurring) == [identity]


def test_a_line_that_starts_paused_is_created_paused(kfp, lines, apply):
    write(lines, "bottles", "{cron: 0 0 2 * * MON, enabled: false}")
    apply(lines)
    assert by_name(kfp)["csad-bottles"]["status"] == "DISABLED"


@pytest.mark.parametrize("gone", ["file", "cron"])
def test_what_is_no_longer_scheduled_is_disabled_and_then_left_alone(kfp, lines, gone, apply):
    write(lines, "bottles")
    write(lines, "kits")
    apply(lines)
    if gone == "file":
        (lines / "bottles.yaml").unlink()
    else:
        write(lines, "bottles", "{}")

    assert apply(lines) == [("bottles", "disable"), ("kits", "keep")]
    assert by_name(kfp)["csad-bottles"]["status"] == "DISABLED"
    assert apply(lines) == [("bottles", "keep"), ("kits", "keep")]


def test_recurring_runs_of_others_are_left_alone(kfp, lines, apply):
    write(lines, "bottles")
    apply(lines)
    (run,) = kfp.recurring.values()
    kfp.recurring["foreign"] = {
        **run, "recurring_run_id": "foreign", "display_name": "csad-kits", "description": "by hand"
    }  # fmt: skip
    before = dict(kfp.recurring["foreign"])
    assert apply(lines) == [("bottles", "keep")]
    assert kfp.recurring["foreign"] == before


def test_after_a_failure_in_the_middle_the_same_command_brings_it_to_an_end(kfp, lines, apply):
    write(lines, "bottles")
    apply(lines)
    write(lines, "bottles", "{cron: 0 0 4 * * *}")
    kfp.refuse = lambda method, path: method == "DELETE"
    with pytest.raises(PipelineServerError, match="500"):
        apply(lines)
    assert len(kfp.recurring) == 2  # the new one is there before the old one goes
    kfp.refuse = lambda method, path: False

    assert apply(lines) == [("bottles", "keep"), ("bottles", "remove")]
    (run,) = kfp.recurring.values()
    assert run["trigger"]["cron_schedule"]["cron"] == "0 0 4 * * *"


def test_a_run_is_told_how_the_line_is_served_and_a_line_that_does_not_deploy_has_no_task_for_it(kfp, lines, apply):
    write(lines, "bottles", more="deployment: {minimum_replicas: 2}\n")
    write(lines, "kits", "{cron: 0 0 2 * * MON, deploy: false}")
    apply(lines)
    runs = by_name(kfp)
    told = {name: run["runtime_config"]["parameters"]["line_yaml"] for name, run in runs.items()}
    assert told == {
        "csad-bottles": "{deployment: {minimum_replicas: 2}, name: bottles}",
        "csad-kits": "{name: kits, schedule: {deploy: false}}",
    }
    tasks = {}
    for name, run in runs.items():
        version = kfp.versions[run["pipeline_version_reference"]["pipeline_version_id"]]
        tasks[name] = set(version["pipeline_spec"]["pipeline_spec"]["deploymentSpec"]["executors"])
    assert tasks["csad-bottles"] - tasks["csad-kits"] == {"exec-promote"}


def test_nothing_happens_while_one_file_is_broken_and_every_broken_one_is_named(kfp, lines, apply):
    write(lines, "good")
    write(lines, "crontab", "{cron: 0 2 * * 1}")
    write(lines, "typo", "{corn: 0 0 2 * * 1}")
    with pytest.raises(LineError) as failure:
        apply(lines)
    assert "put a second in front, 0 0 2 * * 1" in str(failure.value)
    assert "did you mean cron?" in str(failure.value)
    assert kfp.recurring == {}


def test_one_name_in_two_files_is_refused(lines):
    write(lines, "bottles")
    shutil.copyfile(lines / "bottles.yaml", lines / "again.yaml")
    with pytest.raises(LineError, match="bottles in more than one file"):
        read_lines(lines)


def test_an_empty_folder_is_refused(lines):
    with pytest.raises(LineError, match="csad line new"):
        read_lines(lines)


def test_the_commands_show_a_diff_and_json(kfp, lines):
    write(lines, "bottles")
    arguments = ["--lines", str(lines), "--package", str(PACKAGE)]
    shown = CliRunner().invoke(main, ["schedules", "plan", *arguments])
    assert shown.exit_code == 0, shown.output
    assert shown.output.startswith("+ bottles: create\n    0 0 2 * * MON, store://bottles, csad-training-")
    applied = CliRunner().invoke(main, ["schedules", "apply", "--json", *arguments])
    assert json.loads(applied.output)["changes"][0]["action"] == "create"
    again = CliRunner().invoke(main, ["schedules", "plan", *arguments])
    assert again.output.startswith("= bottles: unchanged\nnothing to do; 1 unchanged\n")
    assert "no estimate for 1 (bottles): no store is set up" in again.output


def test_the_lines_of_this_repository_can_be_scheduled(kfp, apply, plan):
    assert actions(plan(ROOT / "lines")) == [("fastener_kit", "create"), ("splicing_connectors", "create")]
    apply(ROOT / "lines")
    assert {name: run["status"] for name, run in by_name(kfp).items()} == {
        "csad-fastener_kit": "ENABLED",
        "csad-splicing_connectors": "DISABLED",
    }
