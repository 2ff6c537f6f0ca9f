"""Component `gathering`."""

from typing import NamedTuple

from kfp import dsl

from components.images import TRAIN_IMAGE


@dsl.component(base_image=TRAIN_IMAGE, packages_to_install=[], install_kfp_package=False)
def gathering(
    plan: str,
    out: str,
    shards: dsl.Input[list[dsl.Dataset]],
    results: dsl.Output[dsl.Dataset],
    metrics: dsl.Output[dsl.Metrics],
) -> NamedTuple("Gathered", [("address", str)]):
    """Write the results of all shards into one Parquet file, sorted by name.

    Args:
        plan: Address of the plan, as `listing` gave it.
        out: Address s3://BUCKET/KEY.parquet of the results; "" for a place in csad's own store.
        shards: Results of every shard.

    Returns:
        results: A row per image; the columns are those of `csad score --out`.
        metrics: Images, anomalous, unreadable, repeated, missing and ignored ones.
        address: Where the results lie in the store, too.
    """
    from csad.batch.gathering import run_gathering

    gathered = run_gathering(plan, out, [shard.path for shard in shards], results.path)
    gathered.summary.log_to(metrics, metrics.path)
    return (gathered.address,)
