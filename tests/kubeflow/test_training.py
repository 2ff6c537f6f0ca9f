"""From images to a model in service, and what a second run of the line costs."""

import uuid
from dataclasses import dataclass

import pytest

from csad.config.line import ProductLine
from csad.store.champion import rollback
from csad.store.outcome import read_outcome
from tests.conftest import draw_product
from tests.kubeflow.backend import Backend
from tests.pipelines.compiled import AROUND, STAGES

MIG = "nvidia.com/mig-1g.10gb"
BEHIND = (*STAGES, "release", "promote")


@dataclass
class Trained:
    """A line that was trained once.

    Attributes:
        line: The line.
        run: The first run.
    """

    line: ProductLine
    run: str

    @property
    def name(self) -> str:
        """Its name."""
        return self.line.name


@pytest.fixture(scope="module")
def trained(kubeflow: Backend, tiny_line, tiny_line_data) -> Trained:
    name = f"suite-{uuid.uuid4().hex[:8]}"
    line = changed(tiny_line, name=name, gate={"latency_ratio": 100.0})
    kubeflow.push(name, tiny_line_data)
    run = kubeflow.submit(kubeflow.write(line))
    assert kubeflow.finish(run) == "SUCCEEDED"
    return Trained(line, run)


def changed(line, **sections):
    return ProductLine.model_validate(line.model_dump(exclude_defaults=True) | sections)


def again(kubeflow, line, *more):
    run = kubeflow.submit(kubeflow.write(line), *more)
    assert kubeflow.finish(run) == "SUCCEEDED"
    return kubeflow.stages(run)


def how(stages, *names):
    return {word for name in names for word in stages[name]}


def test_a_first_run_does_every_task_and_ends_with_a_version_in_service(kubeflow, trained):
    stages = kubeflow.stages(trained.run)
    assert {name: words for name, words in stages.items() if words != ["run"]} == {}
    assert set(stages) >= {"ingest", *BEHIND}
    outcome = read_outcome(kubeflow.store, trained.name)
    assert outcome.version is not None
    assert kubeflow.in_service(trained.name) == outcome.version


def test_a_run_of_unchanged_data_is_one_task_and_the_rest_is_skipped(kubeflow, trained):
    before = kubeflow.in_service(trained.name)
    stages = again(kubeflow, trained.line)
    assert stages["ingest"] == ["run"]
    assert how(stages, *(set(stages) - {"ingest"})) == {"skipped"}
    assert kubeflow.in_service(trained.name) == before


def test_a_forced_run_takes_every_stage_from_the_cache_and_registers_no_second_version(kubeflow, trained):
    before = kubeflow.in_service(trained.name)
    stages = again(kubeflow, trained.line, "--force")
    assert how(stages, *STAGES) == {"cached"}
    assert how(stages, *AROUND) == {"run"}
    assert kubeflow.in_service(trained.name) == before


def test_a_changed_threshold_trains_nothing_again(kubeflow, trained):
    stages = again(kubeflow, changed(trained.line, threshold={"false_reject_rate": 0.002}))
    assert how(stages, "masks", "clustering", "segnet", "lgst") == {"cached"}
    assert how(stages, "statistics", "evaluation", "release", "promote") == {"run"}


def test_new_training_images_run_everything(kubeflow, trained, tiny_line_data, copied):
    more = copied(tiny_line_data, "more")
    draw_product(998).save(more / "train/good/900.png")
    kubeflow.push(trained.name, more)
    stages = again(kubeflow, trained.line)
    assert how(stages, "ingest", *BEHIND) == {"run"}


def test_a_training_that_loses_at_the_gate_succeeds_and_leaves_the_service_alone(kubeflow, trained):
    before = kubeflow.in_service(trained.name)
    stages = again(kubeflow, changed(trained.line, gate={"latency_ratio": 0.01}), "--seed", 9)
    assert how(stages, "release", "promote") == {"run"}
    assert read_outcome(kubeflow.store, trained.name).version is None
    assert kubeflow.in_service(trained.name) == before


def test_a_rollback_brings_back_what_was_in_service_before(kubeflow, trained):
    now = kubeflow.in_service(trained.name)
    again(kubeflow, trained.line, "--seed", 11)
    newer = kubeflow.in_service(trained.name)
    assert newer != now
    rollback(kubeflow.store, trained.name)
    assert kubeflow.in_service(trained.name) == now


def test_a_schedule_starts_runs_and_applying_it_again_changes_nothing(kubeflow, trained):
    file = kubeflow.write(changed(trained.line, schedule={"cron": "0 * * * * *"}))
    apply = ("schedules", "apply", "--lines", file.parent, *kubeflow.options)
    assert "1 to create" in kubeflow.command(*apply)
    assert "nothing to do; 1 unchanged" in kubeflow.command(*apply)
    assert kubeflow.finish(kubeflow.due(trained.name)) == "SUCCEEDED"
    kubeflow.write(trained.line)
    assert "1 to disable" in kubeflow.command(*apply)


def test_masks_are_divided_and_each_shard_is_cached(kubeflow, line_name, trained, tiny_line_data):
    kubeflow.push(line_name, tiny_line_data)
    file = kubeflow.write(changed(trained.line, name=line_name, schedule={"mask_shards": 2, "deploy": False}))
    run = kubeflow.submit(file)
    assert kubeflow.finish(run) == "SUCCEEDED"
    assert kubeflow.stages(run)["masks"] == ["run", "run"]
    forced = kubeflow.submit(file, "--force")
    assert kubeflow.finish(forced) == "SUCCEEDED"
    assert kubeflow.stages(forced)["masks"] == ["cached", "cached"]


def test_pods_of_gpu_tasks_ask_for_what_the_command_named(kubeflow, trained):
    named = ("--accelerator", MIG, "--node-selector", "pool=small", "--toleration", "pool:NoSchedule")
    run = kubeflow.submit(kubeflow.write(trained.line), "--gpu", "--force", "--seed", 21, *named)
    (pod,) = kubeflow.pods(run, "lgst")
    assert (pod.accelerator, pod.count, pod.node_selector) == (MIG, "1", {"pool": "small"})
    assert {"key": "pool", "operator": "Exists", "effect": "NoSchedule"} in pod.tolerations
