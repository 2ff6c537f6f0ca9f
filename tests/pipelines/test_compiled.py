"""The tasks of the compiled pipelines: their order, their conditions, their parameters, their caching."""

import re
import subprocess
import sys
import time

import pytest

from csad.line import ProductLine
from pipelines.parameters import compiled_defaults
from pipelines.promotion import promotion
from pipelines.training import STAGES, training_on_gpu
from tests.pipelines.compiled import ACCEPTED, AROUND, COMMITTED, LOOP, PROMOTION, RELEASE, ROOT, Compiled, compiled

DEFAULTS = compiled_defaults(ProductLine.from_file(ROOT / "lines/fastener_kit.yaml"))


@pytest.mark.parametrize(
    ("name", "pipeline", "defaults"),
    [("training", training_on_gpu, DEFAULTS), ("promotion", promotion, None)],
)
def test_the_committed_pipelines_are_what_the_code_compiles_to(name, pipeline, defaults, tmp_path):
    committed = (COMMITTED / f"{name}.yaml").read_text()
    assert committed == compiled(pipeline, tmp_path, defaults), "run: python -m pipelines compile"


@pytest.mark.parametrize("name", ["training", "promotion"])
def test_the_yaml_is_ascii_small_and_holds_no_secret_value(name):
    data = (COMMITTED / f"{name}.yaml").read_bytes()
    assert data.isascii()
    assert len(data) < 100_000
    assert not re.search(rb"AKIA[A-Z0-9]{16}|BEGIN [A-Z ]*PRIVATE KEY|(?i:secret_key|password|token): *\S", data)


@pytest.mark.parametrize("name", ["training", "promotion"])
def test_kubeflow_shows_what_every_input_and_output_means(name):
    """But for what the compiler itself hands into and out of its conditions and loops."""
    specification = Compiled((COMMITTED / f"{name}.yaml").read_text()).specification
    owners = {"the pipeline": specification["root"], **specification["components"]}
    silent = [
        f"{owner}: {port}"
        for owner, component in owners.items()
        for side in ("inputDefinitions", "outputDefinitions")
        for ports in component.get(side, {}).values()
        for port, found in ports.items()
        if not found.get("description") and not port.startswith("pipelinechannel--")
    ]
    assert silent == []


def test_nothing_is_installed_at_run_time(gpu, deploying):
    for pipeline in (gpu, deploying):
        for task in pipeline.executors:
            command = " ".join(pipeline.container(task)["command"])
            assert "pip" not in command.replace("pipeline", "").replace("KFP", "")


def test_the_tasks_depend_on_each_other_as_the_method_says(gpu):
    assert {name: set(task.get("dependentTasks", [])) for name, task in gpu.tasks().items()} == {
        "ingest": set(),
        "lgst": {"ingest"},
        "tagging": {"ingest"},
        LOOP: {"ingest", "tagging"},
        "clustering": {"ingest", LOOP},
        "segnet": {"ingest", "clustering"},
        "statistics": {"ingest", "clustering", "segnet", "lgst"},
        "evaluation": {"ingest", "clustering", "statistics"},
        "gate": {"ingest", "statistics", "evaluation"},
        RELEASE: {"ingest", "statistics", "evaluation", "gate"},
    }
    assert set(gpu.tasks(LOOP)) == {"masks"}


def test_masks_fan_out_over_a_parameter_and_come_together_for_clustering(gpu):
    iterator = gpu.tasks()[LOOP]["parameterIterator"]
    assert "mask_shares" in iterator["items"]["inputParameter"]
    assert gpu.parameters["mask_shares"]["defaultValue"] == ["1/1"]
    masks = gpu.tasks(LOOP)["masks"]
    assert masks["retryPolicy"]["maxRetryCount"] == 2
    assert "loop-item" in masks["inputs"]["parameters"]["share"]["componentInputParameter"]
    collected = gpu.tasks()["clustering"]["inputs"]["artifacts"]["masks"]["taskOutputArtifact"]
    assert collected["producerTask"] == LOOP


def test_only_an_accepted_model_is_packaged_and_only_where_asked_is_it_promoted(gpu):
    release = gpu.tasks(RELEASE)
    assert set(release) == {ACCEPTED}
    assert release[ACCEPTED]["triggerPolicy"]["condition"] == (
        "inputs.parameter_values['pipelinechannel--accepted'] == 'true'"
    )
    accepted = gpu.tasks()[RELEASE]["inputs"]["parameters"]["accepted"]["taskOutputParameter"]
    assert accepted == {"producerTask": "gate", "outputParameterKey": "accepted"}
    assert set(gpu.tasks(ACCEPTED)) == {"packaging", PROMOTION}
    assert gpu.tasks(ACCEPTED)[PROMOTION]["triggerPolicy"]["condition"] == (
        "inputs.parameter_values['pipelinechannel--promotion_endpoint'] != ''"
    )
    assert set(gpu.tasks(PROMOTION)) == {"promote"}
    assert gpu.parameters["promotion_endpoint"]["defaultValue"].startswith("http://ml-pipeline.")


def test_what_trains_cannot_deploy(gpu, cpu, here, deploying):
    for pipeline in (gpu, cpu, here):
        assert "deployment" not in pipeline.executors
    assert deploying.executors == {"deployment"}
    assert here.executors == {"ingest", *STAGES, "gate", "packaging"}


def test_only_what_trains_is_cached_and_it_depends_on_the_digest_of_the_images(gpu, deploying):
    for name in AROUND:
        assert "enableCache" not in gpu.task(name)["cachingOptions"]
    assert "enableCache" not in deploying.task("deployment")["cachingOptions"]
    for name in STAGES:
        task = gpu.task(name)
        assert task["cachingOptions"]["enableCache"]
        origin = task["inputs"]["parameters"]["snapshot"]
        wanted = "digest" if name == "evaluation" else "training_digest"
        if name == "masks":
            assert origin == {"componentInputParameter": f"pipelinechannel--ingest-{wanted}"}
            origin = gpu.tasks()[LOOP]["inputs"]["parameters"][f"pipelinechannel--ingest-{wanted}"]
        assert origin["taskOutputParameter"] == {"producerTask": "ingest", "outputParameterKey": wanted}


def test_only_what_makes_the_scorer_is_part_of_a_cached_tasks_key(gpu):
    """KFP's key holds the parameters' values: a schedule or the gate's limits must not train anything again."""
    allowed = {"line_yaml", "seed", "snapshot", "share", "accelerator_type", "accelerator_count"}
    for name in STAGES:
        assert (
            set(gpu.task(name)["inputs"]["parameters"])
            - {key for key in gpu.task(name)["inputs"]["parameters"] if key.startswith("pipelinechannel--")}
            <= allowed
        )
        line = gpu.task(name)["inputs"]["parameters"]["line_yaml"]["componentInputParameter"]
        assert line.removeprefix("pipelinechannel--") == "line_yaml"
    assert gpu.task("gate")["inputs"]["parameters"]["line_yaml"] == {"componentInputParameter": "release_yaml"}


def test_all_variants_run_the_same_tasks(gpu, cpu, here):
    for task in ("ingest", *STAGES, "gate", "packaging"):
        assert len({tuple(variant.container(task)["command"]) for variant in (gpu, cpu, here)}) == 1
    assert here.wishes == {}


def test_a_run_without_parameters_trains_the_example_line(gpu):
    for name, about in gpu.parameters.items():
        assert "defaultValue" in about, name
    assert gpu.parameters["line_yaml"]["defaultValue"] == "{name: fastener_kit}"
    assert gpu.parameters["data_uri"]["defaultValue"] == "store://fastener_kit"


def test_compiling_needs_neither_torch_nor_numpy_and_is_quick(tmp_path):
    program = """
import sys
for name in ("torch", "numpy", "scipy", "sklearn", "timm", "PIL", "bentoml", "safetensors"):
    sys.modules[name] = None
from pipelines.__main__ import main
main(["compile", "--output", sys.argv[1]])
"""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - started < 60
    for name in ("training.yaml", "promotion.yaml"):
        assert (tmp_path / name).read_text() == (COMMITTED / name).read_text()


def test_other_settings_of_the_same_line_compile_to_the_same_tasks(tmp_path):
    line = ProductLine.from_yaml("name: other\nschedule: {data: 'store://other@aa'}\nlgst: {steps: 7}\n")
    other = Compiled(compiled(training_on_gpu, tmp_path, compiled_defaults(line)))
    assert other.parameters["line_yaml"]["defaultValue"] == "{lgst: {steps: 7}, name: other}"
    assert other.parameters["data_uri"]["defaultValue"] == "store://other@aa"
