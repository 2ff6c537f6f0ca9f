"""Which nodes, images and limits the tasks of the compiled pipelines ask a cluster for."""

import pytest

from components.images import FOUNDATION_IMAGE, TRAIN_IMAGE
from csad.config.line import ProductLine
from pipelines.packages import Target, compile_for
from pipelines.resources import Resources
from pipelines.shape import Shape
from tests.pipelines.compiled import AROUND, BRANCH, LOOP, ROOT, STAGES, Compiled

ON_GPU = ("clustering", "segnet", "lgst", "statistics", "evaluation")
FOUNDATION = ("tagging", "masks")


def test_the_stages_that_compute_on_a_device_ask_for_a_gpu_and_no_others_do(gpu, full):
    def asking(pipeline):
        return {name for name in pipeline.executors if "accelerator" in pipeline.container(name).get("resources", {})}

    computing = {file.stem for file in (ROOT / "csad/stages").glob("*.py") if "stage_device(" in file.read_text()}
    assert asking(gpu) == computing == set(ON_GPU)
    assert asking(full) == computing | set(FOUNDATION)


def test_a_task_that_holds_a_gpu_does_not_compute_beside_it(gpu, cpu):
    def told_to_use_cuda(pipeline):
        device = {"name": "CSAD_DEVICE", "value": "cuda"}
        return {name for name in pipeline.executors if device in pipeline.container(name).get("env", [])}

    assert told_to_use_cuda(gpu) == set(ON_GPU)
    assert told_to_use_cuda(cpu) == set()


@pytest.mark.parametrize("task", ["segnet", "lgst", "statistics"])
def test_a_task_has_a_thread_for_each_core_that_is_reserved_for_it(cpu, gpu, task):
    """A training depends on them: with the node's number of cores it would differ from node to node."""
    for pipeline in (cpu, gpu):
        container = pipeline.container(task)
        assert {"name": "OMP_NUM_THREADS", "value": "2"} in container["env"]
        assert container["resources"]["cpuRequest"] == 2.0


@pytest.mark.parametrize(("request_", "threads"), [("100m", 1), ("500m", 1), ("1", 1), ("2500m", 2), ("4", 4)])
def test_a_part_of_a_core_still_has_a_thread(request_, threads):
    assert Resources(request_, "8", "1Gi", "2Gi").threads == threads


@pytest.mark.parametrize("task", FOUNDATION + ON_GPU)
def test_every_stage_that_gains_by_it_asks_for_a_gpu_node(full, task):
    accelerator = full.container(task)["resources"]["accelerator"]
    assert "pipelinechannel--accelerator" in accelerator["resourceType"]
    assert "pipelinechannel--accelerator_count" in accelerator["resourceCount"]
    wanted = {"componentInputParameter": "pipelinechannel--accelerator"}
    assert full.task(task)["inputs"]["parameters"]["pipelinechannel--accelerator"] == wanted
    wishes = full.wishes[f"exec-{task}"]
    selector = {"componentInputParameter": "pipelinechannel--node_selector"}
    assert wishes["nodeSelector"] == {"nodeSelectorJson": selector}
    tolerations = {"componentInputParameter": "pipelinechannel--tolerations"}
    assert wishes["tolerations"] == [{"tolerationJson": tolerations}]


def test_the_branch_and_the_loop_hand_on_what_their_tasks_ask_of_the_cluster(full):
    """Kubernetes settings inside a group are read from the group's own inputs."""
    branch, loop = full.tasks()[BRANCH], full.tasks(BRANCH)[LOOP]
    for name in ("node_selector", "tolerations", "accelerator", "accelerator_count", "store_secret"):
        key = f"pipelinechannel--{name}"
        assert branch["inputs"]["parameters"][key] == {"componentInputParameter": name}
        assert loop["inputs"]["parameters"][key] == {"componentInputParameter": key}


def test_the_gpu_pool_is_a_parameter_with_a_default_that_fits_nvidia(gpu):
    parameters = gpu.parameters
    assert parameters["accelerator"]["defaultValue"] == "nvidia.com/gpu"
    assert parameters["accelerator_count"]["defaultValue"] == "1"
    assert parameters["node_selector"]["defaultValue"] == {"nvidia.com/gpu.present": "true"}
    assert parameters["tolerations"]["defaultValue"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    ]


@pytest.mark.parametrize("variant", ["gpu", "cpu", "full", "deploying"])
def test_every_task_is_bounded_and_repeated(variant, request):
    pipeline = request.getfixturevalue(variant)
    tagging = ["tagging"] if variant == "full" else []
    assert pipeline.executors == ({"deployment"} if variant == "deploying" else {*AROUND, *STAGES, *tagging})
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
        *((gpu, task) for task in (*AROUND, "masks")),
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


def test_foundation_models_run_in_their_own_image_and_lines_without_them_never_need_it(gpu, cpu, full):
    for task in (*AROUND, *STAGES):
        assert gpu.container(task)["image"] == TRAIN_IMAGE
        assert cpu.container(task)["image"] == TRAIN_IMAGE
        assert full.container(task)["image"] == (FOUNDATION_IMAGE if task in FOUNDATION else TRAIN_IMAGE)
    assert full.container("tagging")["image"] == FOUNDATION_IMAGE


def test_foundation_models_run_in_their_own_image_on_a_cluster_without_gpus_too(tmp_path):
    line = ProductLine.from_yaml("{name: a, pseudo_labels: {proposals: foundation}}")
    training, _ = compile_for(line, Target(gpu=False), tmp_path)
    pipeline = Compiled(training.read_text())
    images = {task: pipeline.container(task)["image"] for task in pipeline.executors}
    assert {task for task, image in images.items() if image == FOUNDATION_IMAGE} == set(FOUNDATION)
    assert set(images.values()) == {FOUNDATION_IMAGE, TRAIN_IMAGE}


def test_what_waits_leaves_the_cores_to_what_it_waits_for(gpu, deploying):
    for pipeline, task in ((gpu, "promote"), (deploying, "deployment")):
        resources = pipeline.container(task)["resources"]
        assert (resources["cpuRequest"], resources["memoryRequest"]) == (0.1, 0.536870912)


def requests(text, folder, **target):
    training, _ = compile_for(ProductLine.from_yaml(text), Target(**target), folder)
    pipeline = Compiled(training.read_text())
    resources = {task: pipeline.container(task)["resources"] for task in pipeline.executors}
    return {task: (found["cpuRequest"], found["memoryRequest"]) for task, found in resources.items()}


def test_requests_follow_the_size_of_the_line_and_small_asks_for_next_to_nothing(tmp_path):
    gibibyte = 2**30 / 1e9
    usual = requests("{name: a}", tmp_path)
    assert usual["segnet"] == usual["masks"] == (2.0, pytest.approx(4 * gibibyte))
    large = requests("{name: a, images: {area: 262144}}", tmp_path)
    assert large["segnet"] == (4.0, pytest.approx(8 * gibibyte))
    foundation = requests("{name: a, pseudo_labels: {proposals: foundation}}", tmp_path)
    assert (foundation["masks"], foundation["segnet"]) == (large["segnet"], usual["segnet"])
    small = requests("{name: a, images: {area: 262144}}", tmp_path, gpu=False, small=True)
    for task in set(small) - {"promote"}:
        assert small[task] == (0.5, pytest.approx(gibibyte))


def test_the_promoting_pod_asks_for_its_token_for_the_pipeline_server(gpu):
    labels = {task: gpu.wishes[f"exec-{task}"].get("podMetadata", {}).get("labels", {}) for task in gpu.executors}
    assert {task for task, found in labels.items() if found} == {"promote"}
    assert labels["promote"] == {"access-ml-pipeline": "true"}


def volumes(text, folder, **target):
    training, _ = compile_for(ProductLine.from_yaml(text), Target(**target), folder)
    pipeline = Compiled(training.read_text())
    return pipeline, {task for task in pipeline.executors if "pvcMount" in pipeline.wishes[f"exec-{task}"]}


def test_the_volume_for_weights_is_mounted_where_a_line_may_fetch_some_and_nowhere_else(tmp_path):
    foundation = "{name: a, pseudo_labels: {proposals: foundation}, schedule: {mask_shards: 2}}"
    backbone = "{name: a, backbone: {name: wide_resnet50_2.tv2_in1k, weights: 'weights://wide_resnet50_2.tv2_in1k'}}"
    claim = {"weights_claim": "csad-weights"}

    pipeline, mounting = volumes(foundation, tmp_path, **claim)

    assert mounting == {"tagging", "masks"}
    for task in mounting:
        (mount,) = pipeline.wishes[f"exec-{task}"]["pvcMount"]
        assert mount["mountPath"] == "/weights"
        assert mount["pvcNameParameter"] == {"runtimeValue": {"constant": "csad-weights"}}
        assert {"name": "CSAD_WEIGHTS_CACHE", "value": "/weights"} in pipeline.container(task)["env"]
    assert volumes(backbone, tmp_path, **claim)[1] == {"clustering", "segnet", "lgst", "statistics"}
    assert volumes("{name: a}", tmp_path, **claim)[1] == set()
    assert volumes(foundation, tmp_path)[1] == set()


def test_a_line_that_names_its_parts_has_no_tagging_task_and_so_no_gpu_for_one():
    line = ProductLine.from_yaml("{name: a, tags: {prompts: [cap]}, pseudo_labels: {proposals: foundation}}")
    assert "tagging" not in Shape.of(line).stages_on_gpu()
    assert "tagging" not in Shape.of(ProductLine(name="a")).stages_on_gpu()
