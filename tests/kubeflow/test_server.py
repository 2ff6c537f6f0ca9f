"""How the server and its API behave where a run does not end well, and what it refuses and takes."""

from pathlib import Path

import pytest
from kfp import dsl

from components.images import TRAIN_IMAGE
from csad.config.line import ProductLine
from kfp_client.server import PipelineServerError
from pipelines.compiling import compile_pipeline


@pytest.fixture
def unfed(kubeflow, line_name):
    """A run of a line that has no images yet: its first task fails."""
    file = kubeflow.write(ProductLine.model_validate({"name": line_name, "schedule": {"deploy": False}}))
    return kubeflow.submit(file)


def test_a_failed_run_has_no_error_in_the_api(kubeflow, unfed):
    assert kubeflow.finish(unfed) == "FAILED"
    run = kubeflow.run(unfed)
    assert run.error is None or not run.error.message
    assert kubeflow.stages(unfed)["ingest"] == ["run"]


def test_a_retry_goes_on_once_what_was_missing_is_there(kubeflow, unfed, line_name, tiny_line_data):
    assert kubeflow.finish(unfed) == "FAILED"
    kubeflow.push(line_name, tiny_line_data)
    kubeflow.command("retry", unfed)
    kubeflow.finish(unfed)
    assert kubeflow.stages(unfed)["ingest"] == ["run"]
    assert [one.state for one in kubeflow.run(unfed).run_details.task_details if one.display_name == "ingest"] == [
        "SUCCEEDED"
    ]


def test_a_run_that_is_stopped_ends_as_failed(kubeflow, unfed):
    kubeflow.command("stop", unfed)
    assert kubeflow.finish(unfed) == "FAILED"


def test_a_run_that_is_at_its_end_cannot_be_stopped(kubeflow, unfed):
    kubeflow.finish(unfed)
    with pytest.raises(PipelineServerError, match="refused"):
        kubeflow.server.stop_run(unfed)


@dsl.component(base_image=TRAIN_IMAGE, packages_to_install=[], install_kfp_package=False)
def log_nan(metrics: dsl.Output[dsl.Metrics]):
    metrics.log_metric("loss", float("nan"))


@dsl.component(base_image=TRAIN_IMAGE, packages_to_install=[], install_kfp_package=False)
def take(text: str):
    print(len(text))


@dsl.pipeline(name="csad-suite-nan")
def logging_nan():
    log_nan().set_caching_options(False)


@dsl.pipeline(name="csad-suite-large")
def taking(text: str):
    take(text=text).set_caching_options(False)


@pytest.fixture
def started(kubeflow, tmp_path):
    def started(pipeline, **parameters):
        package = Path(tmp_path / "pipeline.yaml")
        compile_pipeline(pipeline, package)
        server = kubeflow.server
        return server.run(server.upload(package), "csad-suite", "suite", parameters, None)

    return started


def test_a_metric_that_is_no_number_fails_its_task(kubeflow, started):
    assert kubeflow.finish(started(logging_nan)) == "FAILED"


@pytest.mark.parametrize(("kilobytes", "state"), [(100, "SUCCEEDED"), (200, "FAILED")])
def test_large_parameters_fail_in_the_driver(kubeflow, started, kilobytes, state):
    assert kubeflow.finish(started(taking, text="x" * 1000 * kilobytes)) == state


def test_one_name_is_one_pipeline_version_and_may_be_two_schedules(kubeflow, started, tmp_path):
    started(taking, text="x")
    server = kubeflow.server
    version = server.upload(tmp_path / "pipeline.yaml")
    with pytest.raises(PipelineServerError, match="409"), server._asking():
        server._client.upload_pipeline_version(
            str(tmp_path / "pipeline.yaml"), version.name, pipeline_id=version.pipeline
        )
    settings = {
        "experiment_id": server.experiment("csad-suite"),
        "job_name": "twins",
        "cron_expression": "0 0 0 1 1 *",
        "max_concurrency": 1,
        "no_catchup": True,
        "params": {"text": "x"},
        "pipeline_id": version.pipeline,
        "version_id": version.version,
        "enabled": False,
    }
    twins = {server.create_recurring_run(**settings) for _ in range(2)}
    assert len(twins) == 2
    for one in twins:
        server.delete_recurring_run(one)


OUTAGES = {
    "a pod": None,
    "the store": ("csad", "deployment/csad-store"),
    "the API server": ("kubeflow", "deployment/ml-pipeline"),
}


@pytest.mark.parametrize("what", OUTAGES)
def test_a_run_outlives_an_outage_or_its_retry_does(real, line_name, tiny_line, tiny_line_data, what):
    real.push(line_name, tiny_line_data)
    gate = tiny_line.gate.model_copy(update={"latency_ratio": 100.0})
    run = real.submit(real.write(tiny_line.model_copy(update={"name": line_name, "gate": gate})))
    pods = real.until(lambda: real.names_of_pods(run), "the run has a pod")
    if OUTAGES[what] is None:
        real.kubectl("-n", real.server.runs_namespace, "delete", "pod", pods[0], "--grace-period=0", "--force")
    else:
        namespace, workload = OUTAGES[what]
        real.kubectl("-n", namespace, "rollout", "restart", workload)
        real.kubectl("-n", namespace, "rollout", "status", workload)
    if real.finish(run) == "FAILED":
        real.command("retry", run)
        assert real.finish(run) == "SUCCEEDED"
    assert real.in_service(line_name) is not None
