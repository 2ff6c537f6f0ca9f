"""Component `masks`."""

from kfp import dsl

from components.images import TRAIN_IMAGE


@dsl.component(base_image=TRAIN_IMAGE, packages_to_install=[], install_kfp_package=False)
def masks(
    line_yaml: str,
    images: str,
    shard: str,
    masks: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    tags: dsl.Input[dsl.Artifact] = None,
) -> None:
    """Propose and filter the component masks of the training images.

    Args:
        line_yaml: The product line, reduced to what this stage reads.
        images: Address of the train and validation images, as `ingest` gave it.
        shard: Which part of the images this task does, such as 2/3: the second of three.
        tags: Output of `tagging`, where a model was asked; else the line's own prompts are taken.

    Returns:
        masks: One JSON of run-length masks per image, in one packed file.
        metrics: How many images and masks each rule touched.
    """
    from csad.runner.task import run_task
    from csad.stages import masks as stage
    from csad.stages import tagging

    named = tags.path if tags else run_task(tagging.STAGE, line_yaml, 0, f"{masks.path}.tags", images=images).folder
    done = run_task(stage.STAGE, line_yaml, 0, masks.path, shard, images=images, tags=named)
    masks.path = done.folder
    done.record(metrics, masks)
