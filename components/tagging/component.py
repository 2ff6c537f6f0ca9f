"""Component `tagging`."""

from kfp import dsl

from components.images import TRAIN_IMAGE


@dsl.component(base_image=TRAIN_IMAGE, packages_to_install=[], install_kfp_package=False)
def tagging(
    line_yaml: str,
    images: str,
    tags: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Find the text prompts of open-vocabulary masks.

    Args:
        line_yaml: The product line, reduced to what this stage reads.
        images: Address of the train and validation images, as `ingest` gave it.

    Returns:
        tags: tags.json: the prompts, who named them, what was dropped and why.
        metrics: Words found and dropped.
    """
    from csad.runner.task import run_task
    from csad.stages import tagging

    done = run_task(tagging.STAGE, line_yaml, 0, tags.path, images=images)
    tags.path = done.folder
    done.record(metrics, tags)
