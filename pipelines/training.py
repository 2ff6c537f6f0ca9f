"""The training pipeline: from images to an evaluated scorer.

After `ingest`, `lgst` runs beside `tagging`, `masks`, `clustering` and `segnet`; `statistics` joins the two, then comes
`evaluation`.
"""

from dataclasses import dataclass
from typing import NamedTuple

from kfp import dsl

from components.clustering import clustering
from components.evaluation import evaluation
from components.ingest import ingest
from components.lgst import lgst
from components.masks import masks
from components.segnet import segnet
from components.statistics import statistics
from components.tagging import tagging
from pipelines.resources import (
    GPU_ACCELERATOR,
    GPU_NODE_SELECTOR,
    GPU_TOLERATIONS,
    GpuPool,
    Resources,
    place_on_cpu,
    place_on_gpu,
)

NAME = "csad-training"
DESCRIPTION = "Train and evaluate a scorer for one product line, from good images only."

INGEST = Resources(cpu_request="1", cpu_limit="4", memory_request="2Gi", memory_limit="8Gi")
LIGHT = Resources(cpu_request="2", cpu_limit="4", memory_request="4Gi", memory_limit="16Gi")
HEAVY = Resources(
    cpu_request="4", cpu_limit="8", memory_request="8Gi", memory_limit="32Gi", shared_memory="8Gi", hours=24
)
STAGES = {
    "tagging": LIGHT,
    "masks": HEAVY,
    "clustering": HEAVY,
    "segnet": HEAVY,
    "lgst": HEAVY,
    "statistics": LIGHT,
    "evaluation": LIGHT,
}
"""The stages that run on GPU nodes, and what each asks for."""


class Outputs(NamedTuple):
    """What a run leaves behind."""

    model: dsl.Model
    evaluation: dsl.Artifact
    report: dsl.HTML
    gallery: dsl.HTML


@dataclass(frozen=True)
class TrainingTasks:
    """The tasks of one run.

    Attributes:
        ingest: The only task that is never cached.
        stages: All others by name.
    """

    ingest: dsl.PipelineTask
    stages: dict[str, dsl.PipelineTask]

    @property
    def outputs(self) -> Outputs:
        """What the pipeline hands out."""
        evaluated = self.stages["evaluation"].outputs
        return Outputs(
            model=self.stages["statistics"].outputs["model"],
            evaluation=evaluated["evaluation"],
            report=evaluated["report"],
            gallery=self.stages["clustering"].outputs["gallery"],
        )


def training_tasks(line_yaml: str, data_uri: str, seed: int) -> TrainingTasks:
    """Lay out the tasks and their dependencies inside a pipeline function."""
    taken_in = ingest(line_yaml=line_yaml, data_uri=data_uri).set_caching_options(False)
    images = taken_in.outputs["images"]
    train = {"line_yaml": line_yaml, "snapshot": taken_in.outputs["training_digest"], "images": images}
    seeded = {**train, "seed": seed}

    students = lgst(**seeded)
    tags = tagging(**train)
    proposed = masks(**train, tags=tags.outputs["tags"])
    clustered = clustering(**seeded, masks=proposed.outputs["masks"])
    labels = clustered.outputs["pseudo_labels"]
    network = segnet(**seeded, pseudo_labels=labels)
    fitted = statistics(**seeded, pseudo_labels=labels, segnet=network.outputs["segnet"], lgst=students.outputs["lgst"])
    measured = evaluation(
        line_yaml=line_yaml,
        snapshot=taken_in.outputs["digest"],
        images=images,
        seed=seed,
        pseudo_labels=labels,
        model=fitted.outputs["model"],
    )
    stages = {
        "tagging": tags,
        "masks": proposed,
        "clustering": clustered,
        "segnet": network,
        "lgst": students,
        "statistics": fitted,
        "evaluation": measured,
    }
    return TrainingTasks(taken_in, stages)


@dsl.pipeline(name=NAME, description=DESCRIPTION)
def training_on_gpu(
    line_yaml: str,
    data_uri: str,
    seed: int = 0,
    accelerator: str = GPU_ACCELERATOR,
    accelerator_count: str = "1",
    node_selector: dict = GPU_NODE_SELECTOR,
    tolerations: list = GPU_TOLERATIONS,
) -> Outputs:
    """Every CSAD stage on the GPU node pool; ingest on any node.

    Args:
        line_yaml: The product line, as text.
        data_uri: Folder of the images.
        seed: Same data, line and seed give the same scores on the same device.
        accelerator: Resource name of the accelerators.
        accelerator_count: Accelerators per task.
        node_selector: Labels of the GPU node pool.
        tolerations: Taints of the GPU node pool.
    """
    tasks = training_tasks(line_yaml, data_uri, seed)
    pool = GpuPool(accelerator, accelerator_count, node_selector, tolerations)
    place_on_cpu(tasks.ingest, INGEST)
    for name, resources in STAGES.items():
        place_on_gpu(tasks.stages[name], resources, pool)
    return tasks.outputs


@dsl.pipeline(name=NAME, description=DESCRIPTION)
def training_on_cpu(line_yaml: str, data_uri: str, seed: int = 0) -> Outputs:
    """The same for a cluster without GPUs.

    Args:
        line_yaml: The product line, as text.
        data_uri: Folder of the images.
        seed: Same data, line and seed give the same scores on the same device.
    """
    tasks = training_tasks(line_yaml, data_uri, seed)
    place_on_cpu(tasks.ingest, INGEST)
    for name, resources in STAGES.items():
        place_on_cpu(tasks.stages[name], resources)
    return tasks.outputs


@dsl.pipeline(name=NAME, description=DESCRIPTION)
def training_here(line_yaml: str, data_uri: str, seed: int = 0) -> Outputs:
    """The same on this machine: nothing is asked of a cluster, and a failed task is not repeated.

    Args:
        line_yaml: The product line, as text.
        data_uri: Folder of the images.
        seed: Same data, line and seed give the same scores on the same device.
    """
    return training_tasks(line_yaml, data_uri, seed).outputs
