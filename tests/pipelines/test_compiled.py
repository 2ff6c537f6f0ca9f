"""What the compiled pipelines ask of a cluster, read from the YAML."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from csad.delivery.deployment_objects import DeploymentTarget, ServingObjects
from csad.line import ProductLine
from pipelines.compiling import compile_pipeline
from pipelines.images import FOUNDATION_IMAGE, TRAIN_IMAGE
from pipelines.parameters import compiled_defaults
from pipelines.promotion import promotion
from pipelines.resources import STORE_OPTIONS, STORE_VARIABLES
from pipelines.training import FOUNDATION_STAGES, STAGES, training_here, training_on_cpu, training_on_gpu

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "pipelines/compiled"
DEFAULTS = compiled_defaults(ProductLine.from_file(ROOT / "lines/fastener_kit.yaml"))
AROUND = ("ingest", "gate", "packaging", "promote")
LOOP, RELEASE, ACCEPTED, PROMOTION = "for-loop-1", "release", "condition-1", "condition-2"


def compiled(pipeline, folder, defaults=None):
    compile_pipeline(pipeline, folder / "pipeline.yaml", defaults)
    return (folder / "pipeline.yaml").read_text(encoding="utf-8")


class Compiled:
    """The pipeline's specification, and what it asks of Kubernetes per executor."""

    def __init__(self, text):
        self.specification, *platform = yaml.load_all(text, Loader=yaml.CSafeLoader)
        self.wishes = platform[0]["platforms"]["kubernetes"]["deploymentSpec"]["executors"] if platform else {}
        self.parameters = self.specification["root"]["inputDefinitions"]["parameters"]

    def tasks(self, component=None):
        owner = self.specification["components"][f"comp-{component}"] if component else self.specification["root"]
        return owner["dag"]["tasks"]

    def task(self, name):
        groups = [
            self.tasks(),
            *(part["dag"]["tasks"] for part in self.specification["components"].values() if "dag" in part),
        ]
        (found,) = [group[name] for group in groups if name in group]
        return found

    def container(self, task):
        return self.specification["deploymentSpec"]["executors"][f"exec-{task}"]["container"]

    @property
    def executors(self):
        return {name.removeprefix("exec-") for name in self.specification["deploymentSpec"]["executors"]}


@pytest.fixture(scope="module")
def gpu():
    return Compiled((COMMITTED / "training.yaml").read_text())


@pytest.fixture(scope="module")
def cpu(tmp_path_factory):
    return Compiled(compiled(training_on_cpu, tmp_path_factory.mktemp("cpu")))


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return Compiled(compiled(training_here, tmp_path_factory.mktemp("here")))


@pytest.fixture(scope="module")
def deploying():
    return Compiled((COMMITTED / "promotion.yaml").read_text())


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


def test_the_stages_that_compute_on_a_device_ask_for_a_gpu_and_no_others_do(gpu):
    asking = {name for name in gpu.executors if "accelerator" in gpu.container(name).get("resources", {})}
    computing = {file.stem for file in (ROOT / "csad/stages").glob("*.py") if "stage_device(" in file.read_text()}

    assert asking == computing | set(FOUNDATION_STAGES)


def test_a_task_that_holds_a_gpu_does_not_compute_beside_it(gpu, cpu):
    def told_to_use_cuda(pipeline):
        device = {"name": "CSAD_DEVICE", "value": "cuda"}
        return {name for name in pipeline.executors if device in pipeline.container(name).get("env", [])}

    assert told_to_use_cuda(gpu) == set(STAGES)
    assert told_to_use_cuda(cpu) == set()


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
    assert gpu.parameters["promotion_endpoint"]["defaultValue"] == ""


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


@pytest.mark.parametrize("task", STAGES)
def test_every_stage_asks_for_a_gpu_node(gpu, task):
    prefix = "pipelinechannel--" if task == "masks" else ""
    accelerator = gpu.container(task)["resources"]["accelerator"]
    assert "pipelinechannel--accelerator" in accelerator["resourceType"]
    assert "pipelinechannel--accelerator_count" in accelerator["resourceCount"]
    wanted = {"componentInputParameter": f"{prefix}accelerator"}
    assert gpu.task(task)["inputs"]["parameters"]["pipelinechannel--accelerator"] == wanted
    wishes = gpu.wishes[f"exec-{task}"]
    selector = {"componentInputParameter": f"{prefix}node_selector"}
    assert wishes["nodeSelector"] == {"nodeSelectorJson": selector}
    assert wishes["tolerations"] == [{"tolerationJson": {"componentInputParameter": f"{prefix}tolerations"}}]


def test_the_loop_hands_on_what_its_tasks_ask_of_the_cluster(gpu):
    """Kubernetes settings inside a loop are read from the loop's own inputs."""
    handed = gpu.tasks()[LOOP]["inputs"]["parameters"]
    for name in ("node_selector", "tolerations", "accelerator", "accelerator_count"):
        assert handed[f"pipelinechannel--{name}"] == {"componentInputParameter": name}


def test_the_gpu_pool_is_a_parameter_with_a_default_that_fits_nvidia(gpu):
    parameters = gpu.parameters
    assert parameters["accelerator"]["defaultValue"] == "nvidia.com/gpu"
    assert parameters["accelerator_count"]["defaultValue"] == "1"
    assert parameters["node_selector"]["defaultValue"] == {"nvidia.com/gpu.present": "true"}
    assert parameters["tolerations"]["defaultValue"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    ]


@pytest.mark.parametrize("variant", ["gpu", "cpu", "deploying"])
def test_every_task_is_bounded_and_repeated(variant, request):
    pipeline = request.getfixturevalue(variant)
    assert pipeline.executors == ({"deployment"} if variant == "deploying" else {*AROUND, *STAGES})
    for task in pipeline.executors:
        resources = pipeline.container(task)["resources"]
        assert 0 < resources["cpuRequest"] <= resources["cpuLimit"]
        assert 0 < resources["memoryRequest"] <= resources["memoryLimit"]
        assert pipeline.task(task)["retryPolicy"]["maxRetryCount"] == 2
        wishes = pipeline.wishes[f"exec-{task}"]
        assert int(wishes["activeDeadlineSeconds"]) >= 3600
        (shared_memory,) = wishes["emptyDirMounts"]
        assert (shared_memory["mountPath"], shared_memory["medium"]) == ("/dev/shm", "Memory")


def secrets_of(pipeline, task):
    return pipeline.wishes[f"exec-{task}"].get("secretAsEnv", [])


def names_token(secret):
    return [pair["envVar"] for pair in secret["keyToEnv"]] == ["CSAD_TOKEN"]


def test_the_deploying_task_alone_gets_the_services_token_where_there_is_one(gpu, deploying):
    target = DeploymentTarget(ProductLine(name="bottles"), "20261124T101500Z-0123abcd", image="serve")
    for pipeline in (gpu, deploying):
        for task in pipeline.executors:
            tokens = [secret for secret in secrets_of(pipeline, task) if names_token(secret)]
            assert len(tokens) == (task == "deployment")
            for secret in tokens:
                assert secret["keyToEnv"] == [{"envVar": "CSAD_TOKEN", "secretKey": "token"}]
                assert secret["secretNameParameter"]["runtimeValue"]["constant"] == target.token_secret
                assert secret["optional"] is True


def test_only_tasks_that_talk_to_the_store_get_its_keys_and_only_by_the_secrets_name(gpu, cpu, deploying):
    variables = {**STORE_VARIABLES, **STORE_OPTIONS}
    for pipeline, users in ((gpu, AROUND[:3]), (cpu, AROUND[:3]), (deploying, ("deployment",))):
        assert pipeline.parameters["store_secret"]["defaultValue"] == "csad-store"
        for task in pipeline.executors:
            secrets = [secret for secret in secrets_of(pipeline, task) if not names_token(secret)]
            found = {pair["secretKey"]: pair["envVar"] for secret in secrets for pair in secret["keyToEnv"]}
            assert found == (variables if task in users else {})
            assert all(
                secret["secretNameParameter"]["componentInputParameter"].endswith("store_secret") for secret in secrets
            )
            assert {one["name"] for one in pipeline.container(task).get("env", [])} <= {"CSAD_DEVICE"}


def test_tasks_read_from_the_stores_secret_what_serving_pods_read(gpu, deploying):
    target = DeploymentTarget(ProductLine(name="bottles"), "20261124T101500Z-0123abcd", image="serve")
    template = ServingObjects(target, sha256="0" * 64, store_url="http://store:8333").main()["spec"]["template"]["spec"]
    references = {
        one["name"]: one["valueFrom"]["secretKeyRef"]
        for one in template["initContainers"][0]["env"]
        if "valueFrom" in one
    }
    wanted = {name: (reference["key"], reference.get("optional", False)) for name, reference in references.items()}
    for pipeline, task in ((gpu, "ingest"), (gpu, "gate"), (gpu, "packaging"), (deploying, "deployment")):
        found = {
            pair["envVar"]: (pair["secretKey"], secret.get("optional", False))
            for secret in secrets_of(pipeline, task)
            if not names_token(secret)
            for pair in secret["keyToEnv"]
        }
        assert found == wanted


def test_the_cpu_variant_and_what_needs_no_gpu_ask_for_none(gpu, cpu, deploying):
    tasks = [
        *((gpu, task) for task in AROUND),
        *((cpu, task) for task in (*AROUND, *STAGES)),
        (deploying, "deployment"),
    ]
    for pipeline, task in tasks:
        assert "accelerator" not in pipeline.container(task)["resources"]
        assert "nodeSelector" not in pipeline.wishes[f"exec-{task}"]
        assert "tolerations" not in pipeline.wishes[f"exec-{task}"]
    assert set(gpu.parameters) - set(cpu.parameters) == {
        "accelerator", "accelerator_count", "node_selector", "tolerations"
    }  # fmt: skip


def test_foundation_models_run_in_their_own_image_on_gpu_nodes_alone(gpu, cpu):
    for task in (*AROUND, *STAGES):
        wanted = FOUNDATION_IMAGE if task in FOUNDATION_STAGES else TRAIN_IMAGE
        assert gpu.container(task)["image"] == wanted
        assert cpu.container(task)["image"] == TRAIN_IMAGE


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
