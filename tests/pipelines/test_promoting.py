"""The training run's last step: a promotion run under the deployer's account, started and waited for."""

import itertools
import json

import pytest

from kfp_client.server import PipelineServerError, Server
from kfp_client.submission import StartedRun
from kfp_client.waiting import wait_for
from tests.components.launcher import executor_input, executor_of, launch
from tests.pipelines.compiled import COMMITTED, Compiled

VERSION = "20261124T101500Z-0123abcd"
RUN = StartedRun("0a", "bottles", "v", "http://kfp/#/runs/details/0a")


def promote(kfp, folder, version=VERSION):
    """The task as Kubeflow runs it, with KFP's variable that breaks `import kfp.client`."""
    kfp.course = kfp.course or ["PENDING", "RUNNING", "SUCCEEDED"]
    pipelines = [Compiled((COMMITTED / "training.yaml").read_text())]
    given = {
        "line_yaml": "{deployment: {minimum_replicas: 2}, name: bottles}",
        "version": version,
        "reason": "no worse than the champion",
        "endpoint": kfp.endpoint,
        "service_account": "csad-deployer",
        "namespace": "factory",
        "store_secret": "keys",
        "task_image": "mine/csad-train:9",
        "serve_image": "mine/csad-serve:9",
    }
    done = launch(executor_of(pipelines, "promote"), executor_input(pipelines, "promote", folder, **given))
    written = folder / "outputs.json"
    return done, json.loads(written.read_text())["parameterValues"] if written.is_file() else {}


def test_the_task_starts_the_promotion_under_the_deployers_account_and_shows_the_address_at_its_end(kfp, tmp_path):
    done, outputs = promote(kfp, tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert outputs == {"endpoint": "http://csad-bottles.factory.svc", "reason": "no worse than the champion"}
    (run,) = kfp.runs.values()
    assert run["state"] == "SUCCEEDED"  # it was waited for
    assert run["service_account"] == "csad-deployer"
    assert run["runtime_config"]["parameters"] == {
        "line_yaml": "{deployment: {minimum_replicas: 2}, name: bottles}",
        "version": VERSION,
        "store_secret": "keys",
        "namespace": "factory",
    }


def test_the_promotion_runs_in_the_images_of_the_training_pipeline_though_nobody_uploaded_it(kfp, tmp_path):
    promote(kfp, tmp_path)
    (version,) = [one for one in kfp.versions.values() if one["display_name"].startswith("csad-promotion-")]
    specification = version["pipeline_spec"]["pipeline_spec"]
    executors = specification["deploymentSpec"]["executors"]
    assert executors["exec-deployment"]["container"]["image"] == "mine/csad-train:9"
    assert specification["root"]["inputDefinitions"]["parameters"]["image"]["defaultValue"] == "mine/csad-serve:9"


def test_a_rollout_that_fails_fails_the_training_run_and_says_where_to_look(kfp, tmp_path):
    kfp.course = ["RUNNING", "FAILED"]
    done, outputs = promote(kfp, tmp_path)

    assert done.returncode == 1
    (identity,) = kfp.runs
    assert f"Error: promote: run {identity} ended FAILED" in done.stdout + done.stderr
    assert f"pipeline/runid={identity}" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert outputs == {}


def test_what_the_gate_refused_is_not_promoted_and_the_reason_is_shown(kfp, tmp_path):
    done, outputs = promote(kfp, tmp_path, version="")
    assert done.returncode == 0, done.stdout + done.stderr
    assert outputs == {"endpoint": "", "reason": "no worse than the champion"}
    assert "promote: nothing goes into service: no worse than the champion" in done.stdout
    assert kfp.requests == []


@pytest.fixture
def run(kfp):
    """A server with one run that is never done."""
    kfp.course = ["RUNNING"]
    kfp.runs[RUN.run] = {"run_id": RUN.run, "display_name": "a", "created_at": kfp.now()}
    return Server.connect()


def test_a_server_that_restarts_meanwhile_is_waited_for(kfp, run):
    kfp.course = ["RUNNING", "SUCCEEDED"]
    answers = itertools.chain([True, False, True], itertools.repeat(False))
    kfp.refuse = lambda method, path: path.endswith(RUN.run) and next(answers)
    wait_for(run, RUN, minutes=1, every=0)
    assert kfp.runs[RUN.run]["state"] == "SUCCEEDED"


def test_a_server_that_stays_away_and_a_run_that_never_ends_are_given_up(kfp, run):
    minute = itertools.count(step=60)
    with pytest.raises(PipelineServerError, match="is RUNNING after 5 minutes and was left running"):
        wait_for(run, RUN, minutes=5, every=0, clock=lambda: next(minute))
    kfp.refuse = lambda method, path: True
    with pytest.raises(PipelineServerError, match="500"):
        wait_for(run, RUN, minutes=600, every=0, clock=lambda: next(minute))
