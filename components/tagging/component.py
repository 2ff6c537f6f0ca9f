"""Component `tagging`."""

from kfp import dsl

from components.images import TRAIN_IMAGE


@dsl.component(base_image=TRAIN_IMAGE, packages_to_install=[], install_kfp_package=False)
def tagging(
    line_yaml: str,
    snapshot: str,
    images: dsl.Input[dsl.Dataset],
    tags: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Find the words that open-vocabulary masks look for.

    Args:
        line_yaml: The product line, as text.
        snapshot: Digest of the training images, so that a cached result is never one of other images.
        images: Output of `ingest`.

    Returns:
        tags: tags.json: the words, who named them, what was dropped and why.
        metrics: Words found and dropped.
    """
    from csad.runner.task import run_task
    from csad.stages import tagging

    done = run_task(tagging.STAGE, line_yaml, 0, tags.path, images=images.path)
    tags.path = done.folder
    done.summary.log_to(metrics, metrics.path)
