"""The training pipeline: from images to an endpoint.

`ingest` finds out whether there is anything to do; all the rest is one branch behind it. `lgst` runs beside `masks`,
`clustering` and `segnet`; `statistics` joins the two, then come `evaluation` and
`release`: the gate, and packaging of what it accepts.

A run has one service account, and code that trains must not be able to deploy. So a version goes into service by a run
of its own, `pipelines.promotion`, under the deployer's account; `promote` starts that run and waits for its end.
"""

import functools
import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import NamedTuple

from kfp import dsl

from components.clustering import clustering
from components.evaluation import evaluation
from components.images import FOUNDATION_IMAGE, SERVE_IMAGE, TRAIN_IMAGE
from components.ingest import ingest
from components.lgst import lgst
from components.masks import masks
from components.promote import promote
from components.release import release
from components.segnet import segnet
from components.statistics import statistics
from components.tagging import tagging
from kfp_client.gpu_nodes import OF_GPUS
from kfp_client.names import DEPLOYER, IN_CLUSTER_ENDPOINT, NAMESPACE, STORE_SECRET
from kfp_client.names import TRAINING as NAME
from pipelines.resources import (
    GPU_ACCELERATOR,
    GPU_NODE_SELECTOR,
    GPU_TOLERATIONS,
    SMALL,
    TINY,
    WAITING,
    GpuPool,
    ask_server,
    keep_weights,
    place_on_cpu,
    place_on_gpu,
    use_store,
)
from pipelines.shape import Shape

DESCRIPTION = "Train, evaluate, register and deploy a scorer for one product line, from good images only."
CHANGED = "true"


class Outputs(NamedTuple):
    """What a run on this machine leaves behind."""

    model: dsl.Model
    evaluation: dsl.Artifact
    report: dsl.HTML
    gallery: dsl.HTML
    gate: dsl.Artifact
    gate_report: dsl.HTML


@dataclass(frozen=True)
class TrainingTasks:
    """The tasks of one run behind `ingest`.

    Attributes:
        stages: What trains and evaluates, by name; cached.
        release: Compares the model with the one in use, packs and registers it where it is accepted; never cached.
    """

    stages: dict[str, dsl.PipelineTask]
    release: dsl.PipelineTask

    @property
    def outputs(self) -> Outputs:
        """What a local run hands out."""
        evaluated = self.stages["evaluation"].outputs
        return Outputs(
            model=self.stages["statistics"].outputs["model"],
            evaluation=evaluated["evaluation"],
            report=evaluated["report"],
            gallery=self.stages["clustering"].outputs["gallery"],
            gate=self.release.outputs["gate"],
            gate_report=self.release.outputs["report"],
        )


def training_tasks(shape: Shape, taken_in: dsl.PipelineTask, line_yaml: str, seed: int) -> TrainingTasks:
    """Lay out the tasks behind `ingest` and their dependencies inside a pipeline function."""
    told = taken_in.outputs
    images, all_images = told["training_images"], told["images"]
    stages = {}
    students = stages["lgst"] = lgst(line_yaml=told["lgst"], images=images, seed=seed)
    named = {}
    if shape.asks_tagger:
        stages["tagging"] = tagging(line_yaml=told["tagging"], images=images)
        named = {"tags": stages["tagging"].outputs["tags"]}
    if shape.shards == 1:
        proposed = masks(line_yaml=told["masks"], images=images, shard="1/1", **named)
        found = {"masks": proposed.outputs["masks"]}
    else:
        with dsl.ParallelFor(shape.mask_shard_names, name="shards of the masks") as shard:
            proposed = masks(line_yaml=told["masks"], images=images, shard=shard, **named)
        found = {"shards": dsl.Collected(proposed.outputs["masks"])}
    stages["masks"] = proposed
    clustered = stages["clustering"] = clustering(line_yaml=told["clustering"], images=images, seed=seed, **found)
    labels = clustered.outputs["pseudo_labels"]
    network = stages["segnet"] = segnet(line_yaml=told["segnet"], images=images, seed=seed, pseudo_labels=labels)
    fitted = stages["statistics"] = statistics(
        line_yaml=told["statistics"],
        images=images,
        seed=seed,
        pseudo_labels=labels,
        segnet=network.outputs["segnet"],
        lgst=students.outputs["lgst"],
    )
    model = fitted.outputs["model"]
    measured = stages["evaluation"] = evaluation(
        line_yaml=told["evaluation"], images=all_images, seed=seed, pseudo_labels=labels, model=model
    )
    released = release(
        line_yaml=line_yaml,
        seed=seed,
        origin=told["origin"],
        images=all_images,
        model=model,
        evaluation=measured.outputs["evaluation"],
    )
    return TrainingTasks(stages, released.set_caching_options(False))


@dataclass(frozen=True)
class Cluster:
    """Where a run takes place; each value is a parameter of the pipeline.

    Attributes:
        store_secret: Name of the Kubernetes secret with the keys to the store.
        endpoint: Pipeline server, as pods reach it.
        deployer: Service account of the promotion.
        namespace: Where the model is served.
        pool: The nodes with accelerators; None where there are none.
        weights_claim: PersistentVolumeClaim that keeps fetched weights; "": each pod fetches its own. It is no
            parameter: a pipeline mounts a volume or does not.
    """

    store_secret: str
    endpoint: str
    deployer: str
    namespace: str
    pool: GpuPool | None
    weights_claim: str = ""


def _place(tasks: TrainingTasks, shape: Shape, cluster: Cluster) -> None:
    """Say where each task behind `ingest` runs, and with what."""
    for name, task in {**tasks.stages, "release": tasks.release}.items():
        use_store(task, cluster.store_secret)
        if cluster.weights_claim and name in shape.stages_with_weights():
            keep_weights(task, cluster.weights_claim)
        if name in shape.foundation_stages():
            task.set_container_image(FOUNDATION_IMAGE)
        if cluster.pool is not None and name in shape.stages_on_gpu():
            place_on_gpu(task, shape.resources(name), cluster.pool)
        else:
            place_on_cpu(task, shape.resources(name))


def _promote(tasks: TrainingTasks, line_yaml: str, cluster: Cluster) -> None:
    """Bring an accepted model into service."""
    started = promote(
        line_yaml=line_yaml,
        version=tasks.release.outputs["version"],
        reason=tasks.release.outputs["reason"],
        endpoint=cluster.endpoint,
        service_account=cluster.deployer,
        namespace=cluster.namespace,
        store_secret=cluster.store_secret,
        task_image=TRAIN_IMAGE,
        serve_image=SERVE_IMAGE,
    )
    ask_server(place_on_cpu(started.set_caching_options(False), WAITING))


def training(shape: Shape, gpu: bool, weights_claim: str = "") -> dsl.base_component.BaseComponent:
    """The pipeline of a shape for a cluster.

    Args:
        shape: Which tasks there are.
        gpu: The cluster has a GPU node pool, which the pipeline then has parameters for; what needs no GPU runs on any
            node all the same.
        weights_claim: PersistentVolumeClaim that keeps fetched weights; "" where each pod fetches its own.
    """

    def train(
        line_yaml: str,
        data_uri: str,
        seed: int = 0,
        force: bool = False,
        store_secret: str = STORE_SECRET,
        promotion_endpoint: str = IN_CLUSTER_ENDPOINT,
        deployer: str = DEPLOYER,
        namespace: str = NAMESPACE,
        accelerator: str = GPU_ACCELERATOR,
        accelerator_count: str = "1",
        node_selector: dict = GPU_NODE_SELECTOR,
        tolerations: list = GPU_TOLERATIONS,
    ) -> None:
        """Train a scorer, and bring it into service where it is accepted.

        Args:
            line_yaml: The product line, as text.
            data_uri: store://LINE, store://LINE@DIGEST, or a folder that the pods mount.
            seed: Same data, line, seed, device and threads give the same scores.
            force: Run although the last run was of the same data, line, seed and code.
            store_secret: Name of the Kubernetes secret with the keys to the store.
            promotion_endpoint: Pipeline server, as pods reach it, for the promotion of an accepted model.
            deployer: Service account of the promotion.
            namespace: Where the model is served.
            accelerator: Resource name of the accelerators.
            accelerator_count: Accelerators per task.
            node_selector: Labels of the GPU node pool.
            tolerations: Taints of the GPU node pool.
        """
        pool = GpuPool(accelerator, accelerator_count, node_selector, tolerations) if gpu else None
        cluster = Cluster(store_secret, promotion_endpoint, deployer, namespace, pool, weights_claim)
        taken_in = ingest(line_yaml=line_yaml, data_uri=data_uri, seed=seed, force=force).set_caching_options(False)
        use_store(place_on_cpu(taken_in, TINY if shape.small else SMALL), cluster.store_secret)
        with dsl.If(taken_in.outputs["changed"] == CHANGED, name="changed"):
            tasks = training_tasks(shape, taken_in, line_yaml, seed)
            _place(tasks, shape, cluster)
            if shape.deploy:
                _promote(tasks, line_yaml, cluster)

    offered = train if gpu else without(train, OF_GPUS)
    return dsl.pipeline(name=NAME, description=DESCRIPTION)(offered)


def without(function: Callable[..., None], names: Collection[str]) -> Callable[..., None]:
    """The same function without some of its parameters, which keep their defaults."""

    @functools.wraps(function)
    def fewer(*given: object, **named: object) -> None:
        function(*given, **named)

    signature = inspect.signature(function)
    kept = [parameter for name, parameter in signature.parameters.items() if name not in names]
    fewer.__signature__ = signature.replace(parameters=kept)
    return fewer


def training_locally(shape: Shape) -> dsl.base_component.BaseComponent:
    """The same on this machine: nothing is asked of a cluster, a failed task is not repeated, nothing is deployed."""

    @dsl.pipeline(name=NAME, description=DESCRIPTION)
    def training(line_yaml: str, data_uri: str, seed: int = 0) -> Outputs:
        """Train here.

        Args:
            line_yaml: The product line, as text.
            data_uri: Folder of the images, store://LINE or store://LINE@DIGEST.
            seed: Same data, line, seed, device and threads give the same scores.

        Returns:
            model: The model folder that a scorer loads.
            evaluation: evaluation.json and its table as text.
            report: The evaluation for people.
            gallery: The component classes on one page.
            gate: gate.json: the gate's decision and every check.
            gate_report: The same for people.
        """
        taken_in = ingest(line_yaml=line_yaml, data_uri=data_uri, seed=seed, force=True)
        return training_tasks(shape, taken_in, line_yaml, seed).outputs

    return training
