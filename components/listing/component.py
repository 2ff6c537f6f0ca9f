"""Component `listing`."""

from typing import NamedTuple

from kfp import dsl

from components.images import TRAIN_IMAGE


@dsl.component(base_image=TRAIN_IMAGE, packages_to_install=[], install_kfp_package=False)
def listing(line: str, images: str, version: str, out: str, metrics: dsl.Output[dsl.Metrics]) -> NamedTuple(
    "Listed", [("plan", str), ("said", str)]
):
    """List the images of a batch, choose the model, and divide the work.

    Args:
        line: Name of the product line.
        images: Address s3://BUCKET/PREFIX/ or s3://BUCKET/LIST.txt, or a folder or list that the pods mount.
        version: Registered version; "latest"; "" for the one in service.
        out: Address s3://BUCKET/KEY.parquet of the results; "" for a place in csad's own store.

    Returns:
        metrics: Images, names that the list repeats or that are not there, files that are no images.
        plan: Address of what is to be done: model and images, by their digests.
        said: The same in a sentence.
    """
    from csad.batch.listing import run_listing

    listed = run_listing(line, images, version, out)
    listed.summary.log_to(metrics, metrics.path)
    return (listed.plan, listed.said)
