"""The batch pipeline: the images of a folder, a prefix or a list, scored by several tasks into one Parquet file.

`listing` finds images and model, `scoring` runs once per shard, `gathering` writes the file. Nothing here is cached by
Kubeflow: the store keeps what is scored, by the digests of model and images, however many tasks divide it.
"""

from dataclasses import dataclass, replace
from typing import Self

from kfp import dsl

from components.gathering import gathering
from components.listing import listing
from components.scoring import scoring
from csad.config.line import ProductLine
from csad.runner.shard import Shard
from kfp_client.names import BATCH as NAME
from kfp_client.names import STORE_SECRET
from pipelines.resources import (
    GPU_ACCELERATOR,
    GPU_NODE_SELECTOR,
    GPU_TOLERATIONS,
    LARGE,
    MEDIUM,
    SMALL,
    TINY,
    GpuPool,
    Resources,
    place_on_cpu,
    place_on_gpu,
    use_store,
)
from pipelines.shape import USUAL_AREA
from pipelines.training import OF_GPUS, without

DESCRIPTION = "Score the images of a prefix, a folder or a list with a registered model."
SHARDS = 4
"""Tasks that score at the same time unless another number is asked for."""
MOST_SHARDS = 256
"""A run's Workflow object grows with its tasks; 600 make 1.0 MB of the 1.5 MB that etcd takes."""


@dataclass(frozen=True)
class BatchShape:
    """What of the pipeline is fixed when it is compiled.

    Attributes:
        shards: Tasks that divide the images.
        gpu: They run on GPU nodes.
        large: The line's images are larger than usual.
        small: Requests are as low as the tasks can live with.
    """

    shards: int = SHARDS
    gpu: bool = False
    large: bool = False
    small: bool = False

    @classmethod
    def of(cls, line: ProductLine, has_gpus: bool, shards: int = SHARDS, small: bool = False) -> Self:
        """Choose for a line: a GPU where torch computes its models, the CPU where their exported graph does.

        Args:
            line: Product line.
            has_gpus: The cluster has GPU nodes, and the images can use them.
            shards: Tasks that divide the images.
            small: Ask for as little as possible.
        """
        gpu = has_gpus and not line.runtime.export
        return cls(shards, gpu, line.images.area > USUAL_AREA, small)

    def resources(self, task: str) -> Resources:
        """What a task asks for."""
        usual = (LARGE if self.large else MEDIUM) if task == "scoring" else SMALL
        return replace(TINY, hours=usual.hours) if self.small else usual


@dataclass(frozen=True)
class PlannedTasks:
    """The tasks behind `listing`."""

    scoring: dsl.PipelineTask
    gathering: dsl.PipelineTask


def planned_tasks(shape: BatchShape, plan: str, out: str) -> PlannedTasks:
    """Lay out the tasks behind `listing` inside a pipeline function."""
    with dsl.ParallelFor(Shard.all(shape.shards), name="shards of the images") as shard:
        scored = scoring(plan=plan, shard=shard).set_caching_options(False)
    shards = dsl.Collected(scored.outputs["results"])
    return PlannedTasks(scored, gathering(plan=plan, out=out, shards=shards).set_caching_options(False))


def batch(shape: BatchShape) -> dsl.base_component.BaseComponent:
    """The pipeline of a shape for a cluster."""

    def score(
        line: str,
        images: str,
        version: str = "",
        out: str = "",
        store_secret: str = STORE_SECRET,
        accelerator: str = GPU_ACCELERATOR,
        accelerator_count: str = "1",
        node_selector: dict = GPU_NODE_SELECTOR,
        tolerations: list = GPU_TOLERATIONS,
    ) -> None:
        """Score images with a registered model.

        Args:
            line: Name of the product line.
            images: Address s3://BUCKET/PREFIX/ or s3://BUCKET/LIST.txt in the store that the secret names.
            version: Registered version; "latest"; "" for the one in service.
            out: Address s3://BUCKET/KEY.parquet of the results; "" for a place in csad's own store.
            store_secret: Name of the Kubernetes secret with the keys to the store.
            accelerator: Resource name of the accelerators.
            accelerator_count: Accelerators per task.
            node_selector: Labels of the GPU node pool.
            tolerations: Taints of the GPU node pool.
        """
        listed = listing(line=line, images=images, version=version, out=out).set_caching_options(False)
        tasks = planned_tasks(shape, listed.outputs["plan"], out)
        for name, task in (("listing", listed), ("gathering", tasks.gathering)):
            use_store(place_on_cpu(task, shape.resources(name)), store_secret)
        use_store(tasks.scoring, store_secret)
        if shape.gpu:
            pool = GpuPool(accelerator, accelerator_count, node_selector, tolerations)
            place_on_gpu(tasks.scoring, shape.resources("scoring"), pool)
        else:
            place_on_cpu(tasks.scoring, shape.resources("scoring"))

    offered = score if shape.gpu else without(score, OF_GPUS)
    return dsl.pipeline(name=NAME, description=DESCRIPTION)(offered)


def batch_locally(shape: BatchShape) -> dsl.base_component.BaseComponent:
    """The same on this machine: nothing is asked of a cluster."""

    # kfp.local 2.17 gives a loop's tasks the item of the loop for every parameter that another task returned; that of a
    # pipeline within comes through.
    @dsl.pipeline(name="planned")
    def planned(plan: str) -> dsl.Dataset:
        return planned_tasks(shape, plan, "").gathering.outputs["results"]

    @dsl.pipeline(name=NAME, description=DESCRIPTION)
    def score(line: str, images: str, version: str = "") -> dsl.Dataset:
        """Score here.

        Args:
            line: Name of the product line.
            images: Folder, s3://BUCKET/PREFIX/, or a list.
            version: Registered version; "latest"; "" for the one in service.
        """
        listed = listing(line=line, images=images, version=version, out="")
        return planned(plan=listed.outputs["plan"]).output

    return score
