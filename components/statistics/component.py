"""Component `statistics`."""

from kfp import dsl

from components.images import TRAIN_IMAGE


@dsl.component(base_image=TRAIN_IMAGE, packages_to_install=[], install_kfp_package=False)
def statistics(
    line_yaml: str,
    images: str,
    seed: int,
    pseudo_labels: dsl.Input[dsl.Dataset],
    segnet: dsl.Input[dsl.Model],
    lgst: dsl.Input[dsl.Model],
    model: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Fit histograms, fusion and threshold on good images, and put the scorer together.

    Args:
        line_yaml: The product line, reduced to what this stage reads.
        seed: Seed of the run.
        images: Address of the train and validation images, as `ingest` gave it.
        pseudo_labels: Output of `clustering`.
        segnet: Output of `segnet`.
        lgst: Output of `lgst`.

    Returns:
        model: The model folder that a scorer loads.
        metrics: Threshold and the weights of the branches.
    """
    from csad.runner.task import run_task
    from csad.stages import statistics

    inputs = {"images": images, "pseudo_labels": pseudo_labels.path, "segnet": segnet.path, "lgst": lgst.path}
    done = run_task(statistics.STAGE, line_yaml, seed, model.path, **inputs)
    model.path = done.folder
    done.record(metrics, model)
