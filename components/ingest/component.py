"""Component `ingest`."""

from typing import NamedTuple

from kfp import dsl

from components.images import TRAIN_IMAGE


@dsl.component(base_image=TRAIN_IMAGE, packages_to_install=[], install_kfp_package=False)
def ingest(
    line_yaml: str, data_uri: str, images: dsl.Output[dsl.Dataset], metrics: dsl.Output[dsl.Metrics]
) -> NamedTuple("Digests", [("digest", str), ("training_digest", str)]):
    """Check every image and fix the data set that all later stages see.

    Args:
        line_yaml: The product line, as text.
        data_uri: store://LINE (what was pushed last), store://LINE@DIGEST, or a folder: LOCO layout or good images.

    Returns:
        images: The usable images in LOCO layout, with their digests.
        metrics: Images per split, files left out, megabytes.
        digest: Digest of the whole data set.
        training_digest: Digest of the images that train and calibrate.
    """
    from csad.runner.task import run_task
    from csad.stages import ingest

    done = run_task(ingest.STAGE, line_yaml, 0, images.path, data=data_uri)
    images.path = done.folder
    done.summary.log_to(metrics, metrics.path)
    return done.summary.digest, done.summary.training_digest
