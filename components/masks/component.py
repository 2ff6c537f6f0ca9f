"""Component `masks`."""

from kfp import dsl

from components.images import TRAIN_IMAGE


@dsl.component(base_image=TRAIN_IMAGE, packages_to_install=[], install_kfp_package=False)
def masks(
    line_yaml: str,
    snapshot: str,
    share: str,
    images: dsl.Input[dsl.Dataset],
    tags: dsl.Input[dsl.Artifact],
    masks: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Propose and filter the component masks of the training images.

    Args:
        line_yaml: The product line, as text.
        snapshot: Digest of the training images, so that a cached result is never one of other images.
        share: Which part of the images this task does, such as 2/3: the second of three.
        images: Output of `ingest`.
        tags: Output of `tagging`.

    Returns:
        masks: One JSON of run-length masks per image.
        metrics: How many images and masks each rule touched.
    """
    from csad.runner.task import run_task
    from csad.stages import masks as stage

    done = run_task(stage.STAGE, line_yaml, 0, masks.path, share, images=images.path, tags=tags.path)
    masks.path = done.folder
    done.summary.log_to(metrics, metrics.path)
