"""Component `lgst`."""

from kfp import dsl

from components.images import TRAIN_IMAGE


@dsl.component(base_image=TRAIN_IMAGE, packages_to_install=[], install_kfp_package=False)
def lgst(
    line_yaml: str,
    seed: int,
    snapshot: str,
    images: dsl.Input[dsl.Dataset],
    lgst: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Fit the local and the global student to the teacher.

    Args:
        line_yaml: The product line, as text.
        seed: Seed of the run.
        snapshot: Digest of the training images, so that a cached result is never one of other images.
        images: Output of `ingest`.

    Returns:
        lgst: The students.
        metrics: What was fitted.
    """
    from csad.runner.task import run_task
    from csad.stages import lgst as stage

    done = run_task(stage.STAGE, line_yaml, seed, lgst.path, images=images.path)
    lgst.path = done.folder
    done.summary.log_to(metrics, metrics.path)
