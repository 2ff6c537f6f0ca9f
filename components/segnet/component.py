"""Component `segnet`."""

from kfp import dsl

from components.images import TRAIN_IMAGE


@dsl.component(base_image=TRAIN_IMAGE, packages_to_install=[], install_kfp_package=False)
def segnet(
    line_yaml: str,
    images: str,
    seed: int,
    pseudo_labels: dsl.Input[dsl.Dataset],
    segnet: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Train the component segmentation network on the pseudo-labels.

    Args:
        line_yaml: The product line, reduced to what this stage reads.
        seed: Seed of the run.
        images: Address of the train and validation images, as `ingest` gave it.
        pseudo_labels: Output of `clustering`.

    Returns:
        segnet: The trained network.
        metrics: Steps and last losses.
    """
    from csad.runner.task import run_task
    from csad.stages import segnet as stage

    done = run_task(stage.STAGE, line_yaml, seed, segnet.path, images=images, pseudo_labels=pseudo_labels.path)
    segnet.path = done.folder
    done.record(metrics, segnet)
