"""Component `scoring`."""

from kfp import dsl

from components.images import TRAIN_IMAGE


@dsl.component(base_image=TRAIN_IMAGE, packages_to_install=[], install_kfp_package=False)
def scoring(plan: str, shard: str, results: dsl.Output[dsl.Dataset], metrics: dsl.Output[dsl.Metrics]) -> None:
    """Score one shard of a batch; what was scored before is taken from the store.

    Args:
        plan: Address of the plan, as `listing` gave it.
        shard: Which part of the images this task does, such as 2/3: the second of three.

    Returns:
        results: A row per image, one Parquet file.
        metrics: Images, anomalous ones, unreadable ones, those scored before, those that changed meanwhile.
    """
    from csad.batch.shard import run_shard

    counts = run_shard(plan, shard, results.path)
    counts.log_to(metrics, metrics.path)
