"""`runs`, `why`, `retry` and `stop` against a server that says as little as the real one (Kubeflow Pipelines 2.17)."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from csad.store.objects import ObjectStore
from kfp_client.server import PipelineServerError
from kfp_client.server_runs import RunServer
from pipelines.__main__ import main
from pipelines.run_list import failed_in_outage, find_run
from pipelines.run_logs import artifact_settings
from pipelines.run_nodes import read_nodes
from pipelines.run_report import wall_time
from pipelines.run_stages import read_stages
from tests.services.kfp_workflow import Workflow, node_id

ROOT = Path(__file__).parents[2]
TRAINING_FILE = ROOT / "pipelines/compiled/training.yaml"
LINE = ROOT / "lines/fastener_kit.yaml"


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch, tmp_path):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.delenv("KFP_PIPELINE_ROOT", raising=False)
    for name in ("CSAD_STORE_ENDPOINT", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)


def command(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def submit(kfp):
    done = command("submit", LINE, "--package", TRAINING_FILE, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)["run"]


def end(kfp, run, workflow, state):
    kfp.runs[run]["run_details"] = {"task_details": workflow.details()}
    kfp.change(run, state)


def stages(run):
    return {
        stage.path: (stage.state, stage.how, stage.attempts) for stage in read_stages(RunServer.connect().get_run(run))
    }


def test_an_id_is_made_of_a_name_as_argo_makes_it():
    # FNV-1a of "foobar" in 32 bits is bf9cf968, as its authors' table of test vectors has it.
    assert node_id("wf", "foobar") == f"wf-{0xBF9CF968}"


def test_each_stage_says_whether_it_ran_or_came_out_of_the_cache(kfp):
    run = submit(kfp)
    workflow = Workflow()
    workflow.task("ingest", "SUCCEEDED", 5, 45)
    workflow.task("masks", "SUCCEEDED", 45, 50, attempts=0)
    workflow.task("release.packaging", "SUCCEEDED", 50, 70, attempts=3)
    workflow.skip("promotion", 70)
    end(kfp, run, workflow, "SUCCEEDED")

    assert stages(run) == {
        ".root.ingest": ("SUCCEEDED", "run", 1),
        ".root.masks": ("SUCCEEDED", "cached", 0),
        ".root.release.packaging": ("SUCCEEDED", "run", 3),
        ".root.promotion": ("SKIPPED", "skipped", 0),
    }


def test_stages_of_one_name_are_told_apart(kfp):
    run = submit(kfp)
    workflow = Workflow()
    workflow.task("iterations(0:0).masks", "SUCCEEDED", 5, 20)
    workflow.task("iterations(1:1).masks", "FAILED", 5, 30, attempts=2)
    end(kfp, run, workflow, "FAILED")

    assert stages(run) == {
        ".root.iterations(0:0).masks": ("SUCCEEDED", "run", 1),
        ".root.iterations(1:1).masks": ("FAILED", "run", 2),
    }


def test_a_run_without_tasks_has_no_stages(kfp):
    run = submit(kfp)
    assert read_nodes(RunServer.connect().get_run(run)).workflow is None
    assert stages(run) == {}


def test_the_wall_time_of_a_stage_is_that_of_its_task(kfp):
    run = submit(kfp)
    workflow = Workflow()
    workflow.task("ingest", "SUCCEEDED", 5, 45)
    workflow.task("lgst", "RUNNING", 45, None)
    end(kfp, run, workflow, "RUNNING")
    ingest, lgst = read_stages(RunServer.connect().get_run(run))
    now = datetime(2026, 1, 1, 0, 2, 0, tzinfo=UTC)
    assert ingest.seconds(now) == 35.0  # its driver took the seconds from 5 to 10
    assert lgst.seconds(now) == 70.0


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, ""), (0.4, "0 s"), (95, "95 s"), (185, "3 min 5 s"), (7800, "2 h 10 min")]
)
def test_times_are_written_for_people(seconds, text):
    assert wall_time(seconds) == text


def failed_run(kfp):
    run = submit(kfp)
    workflow = Workflow()
    workflow.task("ingest", "SUCCEEDED", 5, 45)
    workflow.task("segnet", "FAILED", 45, 100)
    end(kfp, run, workflow, "FAILED")
    return run


def use_store(monkeypatch, s3, run, files):
    for name, value in s3.settings.to_environment().items():
        monkeypatch.setenv(name, value)
    root = f"s3://{s3.settings.bucket}/v2/artifacts"
    store = ObjectStore.connect(artifact_settings(root))
    for name, text in files.items():
        store.put_bytes(f"csad-training/{run}/{name}", text.encode())
    monkeypatch.setenv("KFP_PIPELINE_ROOT", root)


def test_why_shows_our_own_error_from_the_log_of_the_last_attempt(kfp, monkeypatch, s3):
    run = failed_run(kfp)
    own = "Error: segnet: only 2 of 24 images share a component\nlower alpha"
    files = {
        "segnet/salt/executor-logs-0": "Error: segnet: an earlier reason\n",
        "segnet/salt/executor-logs-10": f"step 1\nstep 2\n{own}\n",
        "segnet/salt/executor-logs-9": "Error: segnet: a reason before that\n",
        "ingest/salt/executor-logs-0": "24 images\n",
    }
    use_store(monkeypatch, s3, run, files)

    done = command("why", run[:8], "--json")

    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    ingest, segnet = told["stages"]
    assert (ingest["state"], ingest["how"], ingest["seconds"]) == ("succeeded", "run", 35.0)
    assert (segnet["state"], segnet["seconds"]) == ("failed", 50.0)
    assert segnet["reason"] == "segnet: only 2 of 24 images share a component\nlower alpha"
    assert segnet["log"] == ["step 1", "step 2", *own.splitlines()]
    assert segnet["log_source"].endswith(f"/v2/artifacts/csad-training/{run}/segnet/salt/executor-logs-10")
    assert told["reasons"] == [f"segnet: {segnet['reason']}"]
    shown = command("why", "last").output
    assert "why: segnet: segnet: only 2 of 24 images" in shown
    assert "    step 2" in shown


def test_of_a_long_log_the_end_is_read(kfp, monkeypatch, s3):
    run = failed_run(kfp)
    text = "x" * 200_000 + "\nError: segnet: too long\n"
    use_store(monkeypatch, s3, run, {"segnet/salt/executor-logs-0": text})
    told = json.loads(command("why", run, "--json").output)
    assert told["stages"][1]["reason"] == "segnet: too long"
    assert len(told["stages"][1]["log"][0]) < 2**16


def test_where_there_is_no_log_why_says_where_it_looked_for_one(kfp, monkeypatch, s3):
    run = failed_run(kfp)
    use_store(monkeypatch, s3, run, {})
    assert "no executor-logs of segnet; is --artifacts the pipeline root?" in command("why", run).output


def test_without_store_and_cluster_why_says_so_and_shows_what_the_server_knows(kfp):
    run = failed_run(kfp)
    shown = command("why", run).output
    assert "segnet  failed     run  1" in shown
    assert "the server gives no reason; a run that was stopped ends as FAILED, too" in shown
    assert "note: Kubernetes was not asked: no Kubernetes cluster is set up" in shown
    assert "note: the logs were not read: no store is set up" in shown


@pytest.mark.parametrize("root", ["gs://bucket/folder", "mlpipeline", "minio://"])
def test_a_root_that_cannot_be_read_is_refused_with_what_was_expected(kfp, root):
    run = failed_run(kfp)
    assert f"{root!r} is no pipeline root" in command("why", run, "--artifacts", root).output


def test_a_root_names_bucket_folder_and_server():
    keys = {
        "CSAD_STORE_ENDPOINT": "http://csad-store:8333", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"
    }  # fmt: skip
    here = artifact_settings("minio://mlpipeline/v2/artifacts", keys)
    assert (here.url, here.bucket, here.prefix) == ("http://csad-store:8333", "mlpipeline", "v2/artifacts/")
    there = artifact_settings("s3://logs?endpoint=https://s3.example.com&region=eu", keys)
    assert (there.url, there.bucket, there.prefix) == ("https://s3.example.com", "logs", "")


def test_a_stopped_run_is_failed_without_a_reason(kfp):
    run = submit(kfp)
    done = command("stop", run)
    assert done.exit_code == 0, done.output
    assert done.output.endswith(f"({run}) is stopped\n")
    assert kfp.runs[run]["state"] == "FAILED"
    assert "a run that was stopped ends as FAILED, too" in command("why", run).output


def test_a_failed_run_goes_on_after_what_has_succeeded(kfp):
    run = failed_run(kfp)
    done = command("retry", run, "--json")
    assert json.loads(done.stdout)["runs"][0]["run"] == run
    assert kfp.runs[run]["state"] == "RUNNING"
    assert stages(run) == {".root.ingest": ("SUCCEEDED", "run", 1)}
    again = command("retry", run)
    assert again.exit_code == 1
    assert "must be Failed/Error to retry" in again.output


def outage(kfp):
    """The run of a schedule whose driver found no pipeline server."""
    run = submit(kfp)
    workflow = Workflow()
    workflow.task("ingest", "FAILED", 5, None, driver="FAILED")
    end(kfp, run, workflow, "FAILED")
    return run


def test_runs_that_failed_in_kubeflows_own_pods_go_on_and_at_most_twice(kfp, monkeypatch):
    broken, lost = failed_run(kfp), outage(kfp)
    assert stages(lost) == {".root.ingest": ("FAILED", "driver", 0)}
    details = kfp.runs[lost]["run_details"]
    since = datetime(2025, 12, 31, tzinfo=UTC)
    server = RunServer.connect()
    for _ in range(2):
        assert [run.run_id for run in failed_in_outage(server, since)] == [lost]
        server.retry_run(lost)
        kfp.runs[lost]["run_details"] = details
        kfp.change(lost, "FAILED")
    assert failed_in_outage(server, since) == []
    assert kfp.runs[broken]["state"] == "FAILED"


def test_runs_older_than_a_day_stay_as_they_are(kfp):
    outage(kfp)
    assert failed_in_outage(RunServer.connect(), datetime(2026, 1, 2, tzinfo=UTC)) == []
    done = command("retry", "--outages")  # the server's clock stands at the beginning of 2026
    assert done.output == "no such run\n"


def test_a_failed_driver_is_named_as_kubeflows_own(kfp):
    run = outage(kfp)
    assert "Kubeflow's own pod before the task failed" in command("why", run).output


def test_runs_are_listed_with_state_and_line(kfp):
    first = failed_run(kfp)
    second = submit(kfp)
    listed = json.loads(command("runs", "--json").output)["runs"]
    assert [(run["run"], run["state"]) for run in listed] == [(second, "pending"), (first, "failed")]
    assert [run["run"] for run in json.loads(command("runs", "--limit", 1, "--json").output)["runs"]] == [second]
    assert first in command("runs", "--line", "fastener_kit").output
    unknown = command("runs", "--line", "bottles")
    assert unknown.exit_code == 1
    assert "has no runs of a line 'bottles'" in unknown.output


def test_a_run_is_found_by_the_beginning_of_its_id_only_where_that_is_one(kfp):
    one, other = submit(kfp), submit(kfp)
    server = RunServer.connect()
    assert find_run(server, "last").run_id == other
    assert find_run(server, one).run_id == one
    with pytest.raises(PipelineServerError, match="2 runs begin with ''"):
        find_run(server, "")
    with pytest.raises(PipelineServerError, match="has no run 'zzz'"):
        find_run(server, "zzz")


@pytest.mark.parametrize("verb", ["retry", "stop"])
def test_a_command_that_names_no_run_is_wrong_use(kfp, verb):
    assert command(verb).exit_code == 2
