"""Component `lgst`."""

from kfp import dsl

from components.images import TRAIN_IMAGE


@dsl.component(base_image=TRAIN_IMAGE, packages_to_install=[], install_kfp_package=False)
def lgst(
    line_yaml: str,
    images: str,
    seed: int,
    lgst: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Fit the local and the global student to the teacher.

    Args:
        line_yaml: The product line, reduced to what this stage reads.
        seed: Seed of the run.
        images: Address of the train and validation images, as `ingest` gave it.

    Returns:
        lgst: The students.
        metrics: What was fitted.
    """
    from csad.runner.task import run_task
    from csad.stages import lgst as stage

    done = run_task(stage.STAGE, line_yaml, seed, lgst.path, images=images)
    lgst.path = done.folder
    done.record(metrics, lgst)
