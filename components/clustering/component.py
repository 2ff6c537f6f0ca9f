"""Component `clustering`."""

from kfp import dsl

from components.images import TRAIN_IMAGE


@dsl.component(base_image=TRAIN_IMAGE, packages_to_install=[], install_kfp_package=False)
def clustering(
    line_yaml: str,
    images: str,
    seed: int,
    pseudo_labels: dsl.Output[dsl.Dataset],
    gallery: dsl.Output[dsl.HTML],
    metrics: dsl.Output[dsl.Metrics],
    masks: dsl.Input[dsl.Artifact] = None,
    shards: dsl.Input[list[dsl.Artifact]] = None,
) -> None:
    """Cluster component masks into semantic pseudo-labels.

    Args:
        line_yaml: The product line, reduced to what this stage reads.
        seed: Seed of the run.
        images: Address of the train and validation images, as `ingest` gave it.
        masks: Output of `masks`.
        shards: Outputs of `masks` instead, where several tasks divided it.

    Returns:
        pseudo_labels: Label maps, the classes and pictures of them, in one packed file.
        gallery: The classes on one page.
        metrics: Components, classes, labelled images.
    """
    from csad.runner.task import run_task
    from csad.stages import clustering

    proposed = masks.path if masks else [shard.path for shard in shards]
    done = run_task(clustering.STAGE, line_yaml, seed, pseudo_labels.path, images=images, masks=proposed)
    pseudo_labels.path = done.folder
    done.publish("gallery.html", gallery.path)
    done.record(metrics, pseudo_labels, gallery)
