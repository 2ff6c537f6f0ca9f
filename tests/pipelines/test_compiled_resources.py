"""Which nodes, images and limits the tasks of the compiled pipelines ask a cluster for."""

import pytest

from components.images import FOUNDATION_IMAGE, TRAIN_IMAGE
from pipelines.training import FOUNDATION_STAGES, STAGES
from tests.pipelines.compiled import AROUND, LOOP, ROOT


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


@pytest.mark.parametrize(("task", "threads"), [("segnet", "4"), ("lgst", "4"), ("statistics", "2")])
def test_a_task_has_a_thread_for_each_core_that_is_reserved_for_it(cpu, gpu, task, threads):
    """A training depends on them: with the node's number of cores it would differ from node to node."""
    for pipeline in (cpu, gpu):
        container = pipeline.container(task)
        assert {"name": "OMP_NUM_THREADS", "value": threads} in container["env"]
        assert container["resources"]["cpuRequest"] == float(threads)


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
