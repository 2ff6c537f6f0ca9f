"""What each task asks of the cluster. Every GPU stage goes through `place_on_gpu`."""

from dataclasses import dataclass

from kfp import dsl, kubernetes
from kfp.dsl.pipeline_channel import PipelineChannel

from csad.common.patience import VARIABLE as PATIENCE
from csad.runner.fetched_weights import CACHE_VARIABLE
from kfp_client.names import TOKEN_SECRET

GPU_ACCELERATOR = "nvidia.com/gpu"
GPU_NODE_SELECTOR = {"nvidia.com/gpu.present": "true"}
GPU_TOLERATIONS = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
STORE_VARIABLES = {
    "endpoint": "CSAD_STORE_ENDPOINT",
    "bucket": "CSAD_STORE_BUCKET",
    "access_key": "AWS_ACCESS_KEY_ID",
    "secret_key": "AWS_SECRET_ACCESS_KEY",
}
"""Keys of the store's secret, and the variables that tasks see."""
STORE_OPTIONS = {"region": "AWS_REGION", "prefix": "CSAD_STORE_PREFIX"}
"""Keys that the secret of some stores has beside these."""
TOKEN_VARIABLE = {"token": "CSAD_TOKEN"}
WEIGHTS_FOLDER = "/weights"
"""Where the volume is mounted that keeps fetched weights."""
PATIENCE_SECONDS = "300"
"""For so long a task waits for a store, a pipeline server or a cluster that is away; Kubeflow does not repeat it."""
TOKEN_LABEL = "access-ml-pipeline"
RETRIES = 2
"""Repetitions of a pod that was deleted or whose node was lost. A container that ends with an error is not repeated."""
BACKOFF = "60s"


@dataclass(frozen=True)
class Resources:
    """Compute of one task.

    Attributes:
        cpu_request: Cores that are reserved.
        cpu_limit: Cores that it may use.
        memory_request: Memory that is reserved.
        memory_limit: Memory above which it is killed.
        shared_memory: Size of /dev/shm, counted within the memory limit.
        hours: After this time the task is stopped.
    """

    cpu_request: str
    cpu_limit: str
    memory_request: str
    memory_limit: str
    shared_memory: str = "2Gi"
    hours: int = 6

    @property
    def threads(self) -> int:
        """One for each core that is reserved, and never none."""
        milli = self.cpu_request.endswith("m")
        return max(1, int(self.cpu_request.removesuffix("m")) // (1000 if milli else 1))


WAITING = Resources(
    cpu_request="100m", cpu_limit="1", memory_request="512Mi", memory_limit="2Gi", shared_memory="64Mi", hours=2
)
"""For tasks that wait for something else, which needs the room."""
TINY = Resources(cpu_request="500m", cpu_limit="4", memory_request="1Gi", memory_limit="8Gi", shared_memory="512Mi")
SMALL = Resources(cpu_request="1", cpu_limit="4", memory_request="2Gi", memory_limit="8Gi")
MEDIUM = Resources(cpu_request="2", cpu_limit="4", memory_request="4Gi", memory_limit="16Gi", hours=24)
LARGE = Resources(
    cpu_request="4", cpu_limit="8", memory_request="8Gi", memory_limit="32Gi", shared_memory="8Gi", hours=24
)


@dataclass(frozen=True)
class GpuPool:
    """The nodes that GPU stages run on; each value may be a pipeline parameter.

    Attributes:
        accelerator: Resource name that the device plugin announces.
        count: Accelerators per task.
        node_selector: Labels that a node must carry.
        tolerations: Taints of the node pool that are accepted.
    """

    accelerator: str
    count: str
    node_selector: dict[str, str]
    tolerations: list[dict[str, str]]


def place_on_cpu(task: dsl.PipelineTask, resources: Resources) -> dsl.PipelineTask:
    """Ask for cores and memory, a time limit and retries; each reserved core has one thread."""
    task.set_cpu_request(resources.cpu_request).set_cpu_limit(resources.cpu_limit)
    task.set_memory_request(resources.memory_request).set_memory_limit(resources.memory_limit)
    # Else as many as the node has cores: a training would differ from node to node, and threads wait for their quota.
    task.set_env_variable("OMP_NUM_THREADS", str(resources.threads))
    task.set_env_variable(PATIENCE, PATIENCE_SECONDS)
    task.set_retry(num_retries=RETRIES, backoff_duration=BACKOFF, backoff_factor=2.0)
    kubernetes.set_timeout(task, seconds=resources.hours * 3600)
    kubernetes.empty_dir_mount(
        task, volume_name="shared-memory", mount_path="/dev/shm", medium="Memory", size_limit=resources.shared_memory
    )
    return task


def place_on_gpu(task: dsl.PipelineTask, resources: Resources, pool: GpuPool) -> dsl.PipelineTask:
    """Ask for accelerators on the GPU node pool, to be used, and for all that `place_on_cpu` asks."""
    place_on_cpu(task, resources)
    # Inside a loop the compiler hands on only what a task is known to need, and it does not look at accelerators.
    wanted = (pool.accelerator, pool.count)
    task.register_pipeline_channels([part for part in wanted if isinstance(part, PipelineChannel)])
    task.set_accelerator_type(pool.accelerator).set_accelerator_limit(pool.count)
    # Without it a task whose image has no CUDA would hold a GPU and compute on the CPU, unnoticed.
    task.set_env_variable("CSAD_DEVICE", "cuda")
    kubernetes.add_node_selector_json(task, node_selector_json=pool.node_selector)
    kubernetes.add_toleration_json(task, toleration_json=pool.tolerations)
    return task


def use_store(task: dsl.PipelineTask, secret: str) -> dsl.PipelineTask:
    """Let a task reach the store; only the name of the secret travels.

    Args:
        task: The task.
        secret: Name of the Kubernetes secret, which may be a pipeline parameter.
    """
    kubernetes.use_secret_as_env(task, secret_name=secret, secret_key_to_env=STORE_VARIABLES)
    return kubernetes.use_secret_as_env(task, secret_name=secret, secret_key_to_env=STORE_OPTIONS, optional=True)


def keep_weights(task: dsl.PipelineTask, claim: str) -> dsl.PipelineTask:
    """Let a task keep the weights that it fetches on a volume, where later tasks and runs find them.

    Args:
        task: The task.
        claim: Name of a PersistentVolumeClaim in the namespace of the runs.
    """
    task.set_env_variable(CACHE_VARIABLE, WEIGHTS_FOLDER)
    return kubernetes.mount_pvc(task, pvc_name=claim, mount_path=WEIGHTS_FOLDER)


def use_token(task: dsl.PipelineTask) -> dsl.PipelineTask:
    """Let a task ask a service that wants a token; its pods read the same secret."""
    return kubernetes.use_secret_as_env(task, secret_name=TOKEN_SECRET, secret_key_to_env=TOKEN_VARIABLE, optional=True)


def ask_server(task: dsl.PipelineTask) -> dsl.PipelineTask:
    """Let a task ask the pipeline server of a Kubeflow with several users, which wants a token of its own.

    Kubeflow's PodDefault of this name mounts it (a projected token for pipelines.kubeflow.org) into pods with this
    label; kfp-kubernetes cannot mount one itself. Elsewhere the label means nothing.
    """
    return kubernetes.add_pod_label(task, label_key=TOKEN_LABEL, label_value="true")
