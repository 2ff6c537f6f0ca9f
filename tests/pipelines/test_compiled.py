"""The tasks of the compiled pipelines: their order, their conditions, their parameters, their caching."""

import re
import subprocess
import sys
import time

import pytest
import yaml

from csad.config.line import ProductLine
from csad.runner.stage_order import NAMES, ORDER
from pipelines.packages import Target, compile_for
from pipelines.shape import Shape
from pipelines.training import training
from tests.pipelines.compiled import AROUND, BRANCH, COMMITTED, LOOP, ROOT, STAGES, Compiled, compiled


def test_the_committed_pipelines_are_what_the_code_compiles_to(tmp_path):
    for file in compile_for(ProductLine.from_file(ROOT / "lines/fastener_kit.yaml"), Target(), tmp_path):
        assert (COMMITTED / file.name).read_text() == file.read_text(), "run: python -m pipelines compile --gpu"


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


def test_one_step_comes_first_and_all_the_rest_is_one_branch_that_may_be_skipped(gpu):
    assert set(gpu.tasks()) == {"ingest", BRANCH}
    condition = gpu.tasks()[BRANCH]["triggerPolicy"]["condition"]
    assert condition == "inputs.parameter_values['pipelinechannel--ingest-changed'] == 'true'"
    assert gpu.parameters["force"]["defaultValue"] is False


def test_the_tasks_depend_on_each_other_as_the_method_says(gpu):
    assert {name: set(task.get("dependentTasks", [])) for name, task in gpu.tasks(BRANCH).items()} == {
        "lgst": set(),
        "masks": set(),
        "clustering": {"masks"},
        "segnet": {"clustering"},
        "statistics": {"clustering", "segnet", "lgst"},
        "evaluation": {"clustering", "statistics"},
        "release": {"statistics", "evaluation"},
        "promote": {"release"},
    }


def test_masks_fan_out_over_their_shares_and_come_together_for_clustering(full):
    iterator = full.tasks(BRANCH)[LOOP]["parameterIterator"]
    assert iterator["items"] == {"raw": '["1/2", "2/2"]'}
    masks = full.tasks(LOOP)["masks"]
    assert "loop-item" in masks["inputs"]["parameters"]["shard"]["componentInputParameter"]
    assert full.tasks(BRANCH)["tagging"]["inputs"]["parameters"].keys() >= {"line_yaml", "images"}
    clustering = full.tasks(BRANCH)["clustering"]["inputs"]["artifacts"]
    assert clustering["shards"]["taskOutputArtifact"]["producerTask"] == LOOP
    assert "masks" not in clustering


def test_a_line_that_asks_no_tagging_model_has_no_task_for_it_and_one_share_no_loop(gpu, full):
    assert "tagging" not in gpu.executors
    assert "tagging" in full.executors
    assert LOOP not in gpu.tasks(BRANCH)
    assert gpu.task("masks")["inputs"]["parameters"]["shard"] == {"runtimeValue": {"constant": "1/1"}}


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("{name: a}", Shape()),
        ("{name: a, images: {area: 262144}, schedule: {deploy: false}}", Shape(large=True, deploy=False)),
        ("{name: a, pseudo_labels: {proposals: foundation}}", Shape(foundation=True, asks_tagger=True)),
        (
            "{name: a, tags: {prompts: [cap]}, pseudo_labels: {proposals: foundation}, schedule: {mask_shards: 3}}",
            Shape(foundation=True, shards=3),
        ),
    ],
)
def test_the_line_decides_which_tasks_there_are(text, shape):
    assert Shape.of(ProductLine.from_yaml(text)) == shape


def test_what_the_gate_refused_is_neither_packed_nor_promoted_and_the_run_shows_why(gpu):
    """No condition is needed, which would cost a pod: both tasks see the decision."""
    promote = gpu.task("promote")["inputs"]["parameters"]
    assert promote["version"]["taskOutputParameter"] == {
        "producerTask": "release", "outputParameterKey": "version"
    }  # fmt: skip
    assert promote["reason"]["taskOutputParameter"] == {"producerTask": "release", "outputParameterKey": "reason"}
    outputs = gpu.specification["components"]["comp-promote"]["outputDefinitions"]["parameters"]
    assert set(outputs) == {"endpoint", "reason"}


def test_a_run_ends_with_the_promotion_unless_it_is_left_out(gpu, tmp_path):
    assert "promote" in gpu.executors
    line = ProductLine.from_yaml("{name: a}")
    for number, (text, deploy) in enumerate([("{name: a, schedule: {deploy: false}}", True), ("{name: a}", False)]):
        line = ProductLine.from_yaml(text)
        package, _ = compile_for(line, Target(deploy=deploy), tmp_path / str(number))
        without = Compiled(package.read_text())
        assert gpu.executors - without.executors == {"promote"}
        assert without.parameters["line_yaml"]["defaultValue"] == "{name: a, schedule: {deploy: false}}"


def test_what_trains_cannot_deploy(gpu, cpu, here, deploying):
    for pipeline in (gpu, cpu, here):
        assert "deployment" not in pipeline.executors
    assert deploying.executors == {"deployment"}
    assert here.executors == {"ingest", *STAGES, "release"}
    assert gpu.parameters["deployer"]["defaultValue"] == "csad-deployer"
    account = gpu.task("promote")["inputs"]["parameters"]["service_account"]
    assert account == {"componentInputParameter": "pipelinechannel--deployer"}


def test_the_first_step_and_what_decides_are_never_cached_and_all_stages_are(gpu, full, deploying):
    for name in AROUND:
        assert "enableCache" not in gpu.task(name)["cachingOptions"]
    assert "enableCache" not in deploying.task("deployment")["cachingOptions"]
    for name in ("tagging", *STAGES):
        assert full.task(name)["cachingOptions"]["enableCache"]


@pytest.mark.parametrize("step", ORDER[1:], ids=NAMES[1:])
def test_a_task_is_given_the_outputs_that_its_stage_reads(full, step):
    """The images come as an address; the loop over the masks stands for them."""
    artifacts = full.task(step.name)["inputs"].get("artifacts", {}).values()
    given = {
        origin["taskOutputArtifact"]["producerTask"].replace(LOOP, "masks")
        if "taskOutputArtifact" in origin
        else origin["componentInputArtifact"].removeprefix("pipelinechannel--").split("-")[0]
        for origin in artifacts
    }

    assert given == set(step.inputs.values()) - {"ingest"}


def test_a_cached_task_depends_on_parameters_and_on_cached_tasks_alone(gpu, full):
    """KFP's key holds which artifact an input is, not its bytes: one of an uncached task would run everything again."""
    for pipeline in (gpu, full):
        for group in (BRANCH, *([LOOP] if pipeline is full else [])):
            for name, task in pipeline.tasks(group).items():
                if name in AROUND or name == LOOP:
                    continue
                producers = {
                    origin["taskOutputArtifact"]["producerTask"]
                    for origin in task["inputs"].get("artifacts", {}).values()
                    if "taskOutputArtifact" in origin
                }
                assert producers <= {"tagging", LOOP, *STAGES}
    assert "artifacts" in gpu.specification["components"]["comp-ingest"]["outputDefinitions"]
    assert set(gpu.specification["components"]["comp-ingest"]["outputDefinitions"]["artifacts"]) == {"metrics"}


@pytest.mark.parametrize("name", STAGES)
def test_only_what_makes_its_own_result_is_part_of_a_cached_tasks_key(gpu, name):
    """The line as `ingest` reduced it for this task, images by their content, and the seed."""
    parameters = gpu.task(name)["inputs"]["parameters"]
    named = {key for key in parameters if not key.startswith("pipelinechannel--")}
    assert named <= {"line_yaml", "seed", "images", "shard", "accelerator_type", "accelerator_count"}
    assert parameters["line_yaml"] == {"componentInputParameter": f"pipelinechannel--ingest-{name}"}
    images = "images" if name == "evaluation" else "training_images"
    assert parameters["images"] == {"componentInputParameter": f"pipelinechannel--ingest-{images}"}
    assert {key for key in parameters if key not in named} <= {
        "pipelinechannel--accelerator",
        "pipelinechannel--accelerator_count",
    }


def test_all_variants_run_the_same_tasks(gpu, cpu, here):
    for task in ("ingest", *STAGES, "release"):
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
main(["compile", "--gpu", "--output", sys.argv[1]])
"""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - started < 60
    for name in ("training.yaml", "promotion.yaml"):
        assert (tmp_path / name).read_text() == (COMMITTED / name).read_text()
    assert "a first run:     9 tasks, 20 pods, 8 steps in a row: 80 s beside the work" in done.stdout


def test_a_lines_own_pipeline_has_its_shards_and_its_defaults(tmp_path):
    line = ProductLine.from_yaml(
        "{name: other, schedule: {data: 'store://other@aa', mask_shards: 2}, lgst: {steps: 7}}"
    )
    package, _ = compile_for(line, Target(), tmp_path)
    other = Compiled(package.read_text())
    assert other.parameters["line_yaml"]["defaultValue"] == "{lgst: {steps: 7}, name: other}"
    assert other.parameters["data_uri"]["defaultValue"] == "store://other@aa"
    assert LOOP in other.tasks(BRANCH)


def test_every_shape_compiles_with_and_without_gpus(tmp_path):
    for gpu in (True, False):
        shape = Shape(foundation=True, shards=4, deploy=False, small=True)
        text = compiled(training(shape, gpu=gpu), tmp_path)
        assert len(list(yaml.safe_load_all(text))) == 2


@pytest.mark.parametrize("pipeline", ["gpu", "full", "deploying"])
def test_the_page_of_a_run_describes_every_input_and_output(pipeline, request):
    found = request.getfixturevalue(pipeline).specification
    executed = {name: about for name, about in found["components"].items() if "executorLabel" in about}
    assert len(executed) >= 1
    silent = [
        f"{name}.{port}"
        for name, about in executed.items()
        for side in ("inputDefinitions", "outputDefinitions")
        for kind in ("parameters", "artifacts")
        for port, told in about.get(side, {}).get(kind, {}).items()
        if not told.get("description")
    ]
    assert silent == []
