"""The training pipeline: from images to a registered version of a model.

After `ingest`, `lgst` runs beside `tagging`, `masks`, `clustering` and `segnet`; `statistics` joins the two, then come
`evaluation` and `gate`. What passes the gate is packaged (`pipelines.release`).
"""

from dataclasses import dataclass
from typing import NamedTuple

from kfp import dsl

from components.clustering import clustering
from components.evaluation import evaluation
from components.gate import gate
from components.ingest import ingest
from components.lgst import lgst
from components.masks import masks
from components.segnet import segnet
from components.statistics import statistics
from components.tagging import tagging
from pipelines.images import FOUNDATION_IMAGE
from pipelines.names import DEPLOYER, IN_CLUSTER_ENDPOINT, NAMESPACE, STORE_SECRET
from pipelines.names import TRAINING as NAME
from pipelines.release import release_here, release_on_cluster
from pipelines.resources import (
    GPU_ACCELERATOR,
    GPU_NODE_SELECTOR,
    GPU_TOLERATIONS,
    LARGE,
    MEDIUM,
    SMALL,
    GpuPool,
    place_on_cpu,
    place_on_gpu,
    use_store,
)

DESCRIPTION = "Train, evaluate and register a scorer for one product line, from good images only."

STAGES = {
    "tagging": MEDIUM,
    "masks": LARGE,
    "clustering": LARGE,
    "segnet": LARGE,
    "lgst": LARGE,
    "statistics": MEDIUM,
    "evaluation": MEDIUM,
}
"""The stages that run on GPU nodes, and what each asks for."""

FOUNDATION_STAGES = ("tagging", "masks")
"""On GPU nodes these run in the image with the foundation models, whatever the line proposes its masks with."""

WHOLE = ["1/1"]


class Outputs(NamedTuple):
    """What a run leaves behind."""

    model: dsl.Model
    evaluation: dsl.Artifact
    report: dsl.HTML
    gallery: dsl.HTML
    gate: dsl.Artifact
    gate_report: dsl.HTML


@dataclass(frozen=True)
class TrainingTasks:
    """The tasks of one run.

    Attributes:
        ingest: Takes the images in; never cached.
        stages: What trains and evaluates, by name; cached.
        gate: Compares the model with the one in use; never cached.
    """

    ingest: dsl.PipelineTask
    stages: dict[str, dsl.PipelineTask]
    gate: dsl.PipelineTask

    @property
    def outputs(self) -> Outputs:
        """What the pipeline hands out."""
        evaluated = self.stages["evaluation"].outputs
        return Outputs(
            model=self.stages["statistics"].outputs["model"],
            evaluation=evaluated["evaluation"],
            report=evaluated["report"],
            gallery=self.stages["clustering"].outputs["gallery"],
            gate=self.gate.outputs["gate"],
            gate_report=self.gate.outputs["report"],
        )

    def release_inputs(self, release_yaml: str, git_commit: str, seed: int) -> dict[str, object]:
        """What packaging needs."""
        return {
            "accepted": self.gate.outputs["accepted"],
            "line_yaml": release_yaml,
            "git_commit": git_commit,
            "seed": seed,
            "images": self.ingest.outputs["images"],
            "model": self.stages["statistics"].outputs["model"],
            "evaluation": self.stages["evaluation"].outputs["evaluation"],
            "gate": self.gate.outputs["gate"],
        }


def training_tasks(line_yaml: str, release_yaml: str, data_uri: str, seed: int, mask_shares: list) -> TrainingTasks:
    """Lay out the tasks and their dependencies inside a pipeline function."""
    taken_in = ingest(line_yaml=line_yaml, data_uri=data_uri).set_caching_options(False)
    images = taken_in.outputs["images"]
    train = {"line_yaml": line_yaml, "snapshot": taken_in.outputs["training_digest"], "images": images}
    seeded = {**train, "seed": seed}

    students = lgst(**seeded)
    tags = tagging(**train)
    with dsl.ParallelFor(mask_shares, name="shares of the masks") as share:
        proposed = masks(**train, share=share, tags=tags.outputs["tags"])
    clustered = clustering(**seeded, masks=dsl.Collected(proposed.outputs["masks"]))
    labels = clustered.outputs["pseudo_labels"]
    network = segnet(**seeded, pseudo_labels=labels)
    fitted = statistics(**seeded, pseudo_labels=labels, segnet=network.outputs["segnet"], lgst=students.outputs["lgst"])
    model = fitted.outputs["model"]
    measured = evaluation(
        line_yaml=line_yaml,
        snapshot=taken_in.outputs["digest"],
        images=images,
        seed=seed,
        pseudo_labels=labels,
        model=model,
    )
    judged = gate(line_yaml=release_yaml, images=images, model=model, evaluation=measured.outputs["evaluation"])
    stages = {
        "tagging": tags,
        "masks": proposed,
        "clustering": clustered,
        "segnet": network,
        "lgst": students,
        "statistics": fitted,
        "evaluation": measured,
    }
    return TrainingTasks(taken_in, stages, judged.set_caching_options(False))


def _place_around(tasks: TrainingTasks, store_secret: str) -> None:
    """What is the same with and without GPUs: the two tasks that talk to the store."""
    use_store(place_on_cpu(tasks.ingest, SMALL), store_secret)
    use_store(place_on_cpu(tasks.gate, MEDIUM), store_secret)


@dsl.pipeline(name=NAME, description=DESCRIPTION)
def training_on_gpu(
    line_yaml: str,
    release_yaml: str,
    data_uri: str,
    seed: int = 0,
    mask_shares: list = WHOLE,
    git_commit: str = "unknown",
    store_secret: str = STORE_SECRET,
    promotion_endpoint: str = IN_CLUSTER_ENDPOINT,
    deployer: str = DEPLOYER,
    namespace: str = NAMESPACE,
    accelerator: str = GPU_ACCELERATOR,
    accelerator_count: str = "1",
    node_selector: dict = GPU_NODE_SELECTOR,
    tolerations: list = GPU_TOLERATIONS,
) -> Outputs:
    """Every CSAD stage on the GPU node pool; ingest, gate and packaging on any node.

    Args:
        line_yaml: What makes the scorer of the product line, as text; all that cached results depend on.
        release_yaml: The same with the gate's limits and how it is served.
        data_uri: store://LINE, store://LINE@DIGEST, or a folder that the pods mount.
        seed: Same data, line, seed, device and threads give the same scores.
        mask_shares: Tasks that divide the mask proposals, such as ["1/3", "2/3", "3/3"].
        git_commit: Of the code; a label of the registered model.
        store_secret: Name of the Kubernetes secret with the keys to the store.
        promotion_endpoint: Pipeline server, as pods reach it, for the promotion of an accepted model; "" leaves that
            to people.
        deployer: Service account of the promotion.
        namespace: Where the model is served.
        accelerator: Resource name of the accelerators.
        accelerator_count: Accelerators per task.
        node_selector: Labels of the GPU node pool.
        tolerations: Taints of the GPU node pool.

    Returns:
        model: The model folder that a scorer loads.
        evaluation: evaluation.json and its table as text.
        report: The evaluation for people.
        gallery: The component classes on one page.
        gate: gate.json: the gate's decision and every check.
        gate_report: The same for people.
    """
    tasks = training_tasks(line_yaml, release_yaml, data_uri, seed, mask_shares)
    pool = GpuPool(accelerator, accelerator_count, node_selector, tolerations)
    _place_around(tasks, store_secret)
    for name, resources in STAGES.items():
        place_on_gpu(tasks.stages[name], resources, pool)
    for name in FOUNDATION_STAGES:
        tasks.stages[name].set_container_image(FOUNDATION_IMAGE)
    release_on_cluster(
        reason=tasks.gate.outputs["reason"],
        **tasks.release_inputs(release_yaml, git_commit, seed),
        store_secret=store_secret,
        promotion_endpoint=promotion_endpoint,
        deployer=deployer,
        namespace=namespace,
    ).set_display_name("release")
    return tasks.outputs


@dsl.pipeline(name=NAME, description=DESCRIPTION)
def training_on_cpu(
    line_yaml: str,
    release_yaml: str,
    data_uri: str,
    seed: int = 0,
    mask_shares: list = WHOLE,
    git_commit: str = "unknown",
    store_secret: str = STORE_SECRET,
    promotion_endpoint: str = IN_CLUSTER_ENDPOINT,
    deployer: str = DEPLOYER,
    namespace: str = NAMESPACE,
) -> Outputs:
    """The same for a cluster without GPUs.

    Args:
        line_yaml: What makes the scorer of the product line, as text; all that cached results depend on.
        release_yaml: The same with the gate's limits and how it is served.
        data_uri: store://LINE, store://LINE@DIGEST, or a folder that the pods mount.
        seed: Same data, line, seed, device and threads give the same scores.
        mask_shares: Tasks that divide the mask proposals, such as ["1/3", "2/3", "3/3"].
        git_commit: Of the code; a label of the registered model.
        store_secret: Name of the Kubernetes secret with the keys to the store.
        promotion_endpoint: Pipeline server, as pods reach it, for the promotion of an accepted model; "" leaves that
            to people.
        deployer: Service account of the promotion.
        namespace: Where the model is served.

    Returns:
        model: The model folder that a scorer loads.
        evaluation: evaluation.json and its table as text.
        report: The evaluation for people.
        gallery: The component classes on one page.
        gate: gate.json: the gate's decision and every check.
        gate_report: The same for people.
    """
    tasks = training_tasks(line_yaml, release_yaml, data_uri, seed, mask_shares)
    _place_around(tasks, store_secret)
    for name, resources in STAGES.items():
        place_on_cpu(tasks.stages[name], resources)
    release_on_cluster(
        reason=tasks.gate.outputs["reason"],
        **tasks.release_inputs(release_yaml, git_commit, seed),
        store_secret=store_secret,
        promotion_endpoint=promotion_endpoint,
        deployer=deployer,
        namespace=namespace,
    ).set_display_name("release")
    return tasks.outputs


@dsl.pipeline(name=NAME, description=DESCRIPTION)
def training_here(
    line_yaml: str, data_uri: str, seed: int = 0, mask_shares: list = WHOLE, git_commit: str = "unknown"
) -> Outputs:
    """The same on this machine: nothing is asked of a cluster, a failed task is not repeated, nothing is deployed.

    Args:
        line_yaml: The product line, as text.
        data_uri: Folder of the images, store://LINE or store://LINE@DIGEST.
        seed: Same data, line, seed, device and threads give the same scores.
        mask_shares: Tasks that divide the mask proposals.
        git_commit: Of the code; a label of the registered model.

    Returns:
        model: The model folder that a scorer loads.
        evaluation: evaluation.json and its table as text.
        report: The evaluation for people.
        gallery: The component classes on one page.
        gate: gate.json: the gate's decision and every check.
        gate_report: The same for people.
    """
    tasks = training_tasks(line_yaml, line_yaml, data_uri, seed, mask_shares)
    release_here(**tasks.release_inputs(line_yaml, git_commit, seed)).set_display_name("release")
    return tasks.outputs
