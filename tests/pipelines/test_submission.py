"""Runs on a server that speaks the API, started by our commands and by `kfp run submit` as it is typed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from csad.config.line import ProductLine
from kfp_client.parameters import data_uri, run_yaml
from kfp_client.server import PipelineServerError, Server, version_name
from pipelines.__main__ import main

ROOT = Path(__file__).parents[2]
TRAINING_FILE = ROOT / "pipelines/compiled/training.yaml"
PROMOTION_FILE = ROOT / "pipelines/compiled/promotion.yaml"
LINE = ROOT / "lines/fastener_kit.yaml"
VERSION = "20261124T101500Z-0123abcd"


def command(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_a_submitted_line_is_one_run_in_its_experiment(kfp):
    done = command(
        "submit", LINE, "--package", TRAINING_FILE, "--seed", 3, "--data", "store://fastener_kit@aa", "--json"
    )

    assert done.exit_code == 0, done.output
    (run,) = kfp.runs.values()
    assert json.loads(done.stdout)["run"] == run["run_id"]
    assert kfp.experiments[run["experiment_id"]]["display_name"] == "fastener_kit"
    assert run["service_account"] == "csad-pipeline"
    parameters = run["runtime_config"]["parameters"]
    assert parameters == {
        "line_yaml": "{name: fastener_kit}", "data_uri": "store://fastener_kit@aa", "seed": 3, "force": False
    }  # fmt: skip


def test_a_line_is_submitted_with_the_pipeline_that_it_needs(kfp, tmp_path):
    line = tmp_path / "line.yaml"
    line.write_text("name: bottles\nschedule: {mask_shards: 2}\n")
    done = command("submit", line, "--cpu-only", "--small", "--no-deploy", "--force")
    assert done.exit_code == 0, done.output
    (run,) = kfp.runs.values()
    assert run["runtime_config"]["parameters"]["force"] is True
    assert run["runtime_config"]["parameters"]["line_yaml"] == "{name: bottles, schedule: {deploy: false}}"
    version = kfp.versions[run["pipeline_version_reference"]["pipeline_version_id"]]
    specification = version["pipeline_spec"]["pipeline_spec"]
    assert "exec-promote" not in specification["deploymentSpec"]["executors"]
    assert "accelerator" not in specification["root"]["inputDefinitions"]["parameters"]


def test_the_same_pipeline_is_uploaded_once(kfp):
    for _ in range(2):
        assert command("submit", LINE, "--package", TRAINING_FILE).exit_code == 0
    assert len(kfp.runs) == 2
    names = [version["display_name"] for version in kfp.versions.values()]
    assert names.count(version_name(TRAINING_FILE)) == 1


def test_a_version_is_promoted_under_the_deployers_account(kfp):
    done = command("promote", LINE, VERSION, "--package", PROMOTION_FILE)
    assert done.exit_code == 0, done.output
    (run,) = kfp.runs.values()
    assert run["service_account"] == "csad-deployer"
    assert run["runtime_config"]["parameters"]["version"] == VERSION


@pytest.mark.parametrize("verb", ["submit", "create"])
def test_kfp_run_submit_works_as_it_is_typed_and_under_its_new_name(kfp, tmp_path, verb):
    """After `. ./kfp.env` nothing has to be given: the compiled pipeline has the example line as its defaults."""
    home = tmp_path / "checkout"
    (home / "pipelines/compiled").mkdir(parents=True)
    shutil.copyfile(ROOT / "kfp.env", home / "kfp.env")
    shutil.copyfile(TRAINING_FILE, home / "pipelines/compiled/training.yaml")
    tools = Path(sys.executable).parent
    environment = {**os.environ, "KFP_ENDPOINT": kfp.endpoint, "PATH": f"{tools}:{os.environ['PATH']}"}
    typed = [f". ./kfp.env && kfp run {verb}"]
    done = subprocess.run(
        ["/bin/sh", "-c", *typed], cwd=home, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("deprecated" in done.stdout + done.stderr) == (verb == "submit")
    (run,) = kfp.runs.values()
    assert run["pipeline_spec"]["pipeline_spec"]["pipelineInfo"]["name"] == "csad-training"
    assert kfp.experiments[run["experiment_id"]]["display_name"] == "csad"


def test_the_env_file_keeps_what_is_set_and_has_an_address_otherwise():
    script = '. ./kfp.env; printf "%s" "$KFP_ENDPOINT"'

    def endpoint(**variables):
        environment = {"PATH": os.environ["PATH"], **variables}
        return subprocess.run(
            ["/bin/sh", "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True
        ).stdout

    assert endpoint() == "http://localhost:8888"
    assert endpoint(KFP_ENDPOINT="https://kubeflow.example.com/pipeline") == "https://kubeflow.example.com/pipeline"


def test_a_server_that_is_not_there_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    done = command("submit", LINE, "--package", TRAINING_FILE, "--endpoint", "http://127.0.0.1:9")
    assert done.exit_code == 1
    assert "the pipeline server at http://127.0.0.1:9 does not answer" in done.output
    assert "port-forward" in done.output


def test_without_an_address_the_message_says_what_to_set(monkeypatch):
    monkeypatch.delenv("KFP_ENDPOINT", raising=False)
    with pytest.raises(PipelineServerError, match="KFP_ENDPOINT"):
        Server.connect()


def test_a_refusal_carries_the_servers_words(kfp):
    server = Server.connect()
    version = server.upload(TRAINING_FILE)
    with pytest.raises(PipelineServerError, match=r"400 Bad Request .*the pipeline has no parameter colour"):
        server.run(version, "a", "a", {"colour": "red"}, None)


def test_a_token_is_sent_and_its_absence_explained(kfp, monkeypatch):
    kfp.token = "secret-token"
    monkeypatch.setenv("KFP_EXISTING_TOKEN", "secret-token")
    assert command("submit", LINE, "--package", TRAINING_FILE).exit_code == 0


def test_a_file_that_is_no_pipeline_is_refused(kfp, tmp_path):
    (tmp_path / "x.yaml").write_text("a: 1")
    with pytest.raises(PipelineServerError, match="make compile"):
        Server.connect().upload(tmp_path / "x.yaml")


def test_what_a_run_is_told_means_the_same_line():
    line = ProductLine.from_file(ROOT / "lines/splicing_connectors.yaml")
    text = run_yaml(line)
    assert text.isascii()
    assert "\n" not in text
    assert ProductLine.from_yaml(text).digest() == line.digest()
    assert ProductLine.from_yaml(text).deployment == line.deployment
    assert data_uri(line) == "store://splicing_connectors"


def test_when_a_line_retrains_is_not_what_a_run_is_told():
    line = ProductLine.from_yaml("name: a\nimages: {area: 20000}\n")
    other = ProductLine.from_yaml(
        "name: a\n# why\nimages: {area: 20000, max_pixels: 100000000}\nschedule: {cron: 0 0 1 * * *, enabled: false}\n"
    )
    assert run_yaml(line) == run_yaml(other) == "{images: {area: 20000}, name: a}"
