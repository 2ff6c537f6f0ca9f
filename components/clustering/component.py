"""Component `clustering`."""

from kfp import dsl

from components.images import TRAIN_IMAGE


@dsl.component(base_image=TRAIN_IMAGE, packages_to_install=[], install_kfp_package=False)
def clustering(
    line_yaml: str,
    seed: int,
    snapshot: str,
    images: dsl.Input[dsl.Dataset],
    masks: dsl.Input[list[dsl.Artifact]],
    pseudo_labels: dsl.Output[dsl.Dataset],
    gallery: dsl.Output[dsl.HTML],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Cluster component masks into semantic pseudo-labels.

    Args:
        line_yaml: The product line, as text.
        seed: Seed of the run.
        snapshot: Digest of the training images, so that a cached result is never one of other images.
        images: Output of `ingest`.
        masks: Outputs of `masks`, one per share.

    Returns:
        pseudo_labels: Label maps, the classes and pictures of them.
        gallery: The classes on one page.
        metrics: Components, classes, labelled images.
    """
    from csad.runner.task import run_task
    from csad.stages import clustering

    shares = [share.path for share in masks]
    done = run_task(clustering.STAGE, line_yaml, seed, pseudo_labels.path, images=images.path, masks=shares)
    pseudo_labels.path = done.folder
    done.publish("gallery.html", gallery.path)
    done.summary.log_to(metrics, metrics.path)
