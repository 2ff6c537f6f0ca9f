import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipelines.compiling import compile_training
from pipelines.training import STAGES, training_here, training_on_cpu, training_on_gpu

COMMITTED = Path(__file__).parents[2] / "pipelines/compiled/training.yaml"


def compiled(pipeline, folder):
    compile_training(pipeline, folder / "pipeline.yaml")
    return (folder / "pipeline.yaml").read_text(encoding="utf-8")


def parts(text):
    """The pipeline's specification, and what it asks of Kubernetes per executor."""
    specification, *platform = yaml.safe_load_all(text)
    executors = platform[0]["platforms"]["kubernetes"]["deploymentSpec"]["executors"] if platform else {}
    return specification, executors


@pytest.fixture(scope="module")
def gpu():
    return parts(COMMITTED.read_text())


@pytest.fixture(scope="module")
def cpu(tmp_path_factory):
    return parts(compiled(training_on_cpu, tmp_path_factory.mktemp("cpu")))


def container(specification, task):
    return specification["deploymentSpec"]["executors"][f"exec-{task}"]["container"]


def test_the_committed_pipeline_is_what_the_code_compiles_to(tmp_path):
    assert COMMITTED.read_text() == compiled(training_on_gpu, tmp_path), "run: python -m pipelines compile"


def test_the_yaml_is_ascii_and_small():
    assert COMMITTED.read_bytes().isascii()
    assert COMMITTED.stat().st_size < 100_000


def test_nothing_is_installed_at_run_time(gpu):
    for task in ("ingest", *STAGES):
        command = " ".join(container(gpu[0], task)["command"])
        assert "pip" not in command.replace("pipeline", "").replace("KFP", "")


def test_the_tasks_depend_on_each_other_as_the_method_says(gpu):
    tasks = gpu[0]["root"]["dag"]["tasks"]
    assert {name: set(task.get("dependentTasks", [])) for name, task in tasks.items()} == {
        "ingest": set(),
        "lgst": {"ingest"},
        "tagging": {"ingest"},
        "masks": {"ingest", "tagging"},
        "clustering": {"ingest", "masks"},
        "segnet": {"ingest", "clustering"},
        "statistics": {"ingest", "clustering", "segnet", "lgst"},
        "evaluation": {"ingest", "clustering", "statistics"},
    }


def test_only_ingest_is_never_cached_and_hands_its_digest_to_all_others(gpu):
    tasks = gpu[0]["root"]["dag"]["tasks"]
    assert "enableCache" not in tasks["ingest"]["cachingOptions"]
    for name in STAGES:
        assert tasks[name]["cachingOptions"]["enableCache"]
        origin = tasks[name]["inputs"]["parameters"]["snapshot"]["taskOutputParameter"]
        wanted = "digest" if name == "evaluation" else "training_digest"
        assert origin == {"producerTask": "ingest", "outputParameterKey": wanted}


@pytest.mark.parametrize("task", STAGES)
def test_every_stage_asks_for_a_gpu_node(gpu, task):
    specification, executors = gpu
    inputs = specification["root"]["dag"]["tasks"][task]["inputs"]["parameters"]
    accelerator = container(specification, task)["resources"]["accelerator"]
    assert "pipelinechannel--accelerator" in accelerator["resourceType"]
    assert "pipelinechannel--accelerator_count" in accelerator["resourceCount"]
    assert inputs["pipelinechannel--accelerator"] == {"componentInputParameter": "accelerator"}
    wishes = executors[f"exec-{task}"]
    assert wishes["nodeSelector"] == {"nodeSelectorJson": {"componentInputParameter": "node_selector"}}
    assert wishes["tolerations"] == [{"tolerationJson": {"componentInputParameter": "tolerations"}}]


def test_the_gpu_pool_is_a_parameter_with_a_default_that_fits_nvidia(gpu):
    parameters = gpu[0]["root"]["inputDefinitions"]["parameters"]
    assert parameters["accelerator"]["defaultValue"] == "nvidia.com/gpu"
    assert parameters["accelerator_count"]["defaultValue"] == "1"
    assert parameters["node_selector"]["defaultValue"] == {"nvidia.com/gpu.present": "true"}
    assert parameters["tolerations"]["defaultValue"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    ]


@pytest.mark.parametrize("variant", ["gpu", "cpu"])
@pytest.mark.parametrize("task", ["ingest", *STAGES])
def test_every_task_is_bounded_and_repeated(variant, task, request):
    specification, executors = request.getfixturevalue(variant)
    resources = container(specification, task)["resources"]
    assert 0 < resources["cpuRequest"] <= resources["cpuLimit"]
    assert 0 < resources["memoryRequest"] <= resources["memoryLimit"]
    assert specification["root"]["dag"]["tasks"][task]["retryPolicy"]["maxRetryCount"] == 2
    wishes = executors[f"exec-{task}"]
    assert int(wishes["activeDeadlineSeconds"]) >= 3600
    (shared_memory,) = wishes["emptyDirMounts"]
    assert (shared_memory["mountPath"], shared_memory["medium"]) == ("/dev/shm", "Memory")


def test_ingest_and_the_cpu_variant_ask_for_no_gpu(gpu, cpu):
    tasks = [(gpu, "ingest"), *((cpu, task) for task in ("ingest", *STAGES))]
    for (specification, executors), task in tasks:
        assert "accelerator" not in container(specification, task)["resources"]
        assert "nodeSelector" not in executors[f"exec-{task}"]
        assert "tolerations" not in executors[f"exec-{task}"]
    assert set(cpu[0]["root"]["inputDefinitions"]["parameters"]) == {"line_yaml", "data_uri", "seed"}


def test_all_variants_run_the_same_tasks(gpu, cpu, tmp_path):
    here = parts(compiled(training_here, tmp_path))
    for task in ("ingest", *STAGES):
        commands = {tuple(container(variant, task)["command"]) for variant in (gpu[0], cpu[0], here[0])}
        assert len(commands) == 1
    assert here[1] == {}


def test_compiling_needs_neither_torch_nor_numpy(tmp_path):
    program = """
import sys
for name in ("torch", "numpy", "scipy", "sklearn", "timm", "PIL"):
    sys.modules[name] = None
from pipelines.__main__ import main
main(["compile", "--output", sys.argv[1]])
"""
    output = tmp_path / "training.yaml"
    done = subprocess.run([sys.executable, "-c", program, output], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert output.read_text() == COMMITTED.read_text()
