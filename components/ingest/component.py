"""Component `ingest`."""

from typing import NamedTuple

from kfp import dsl

from components.images import TRAIN_IMAGE


@dsl.component(base_image=TRAIN_IMAGE, packages_to_install=[], install_kfp_package=False)
def ingest(line_yaml: str, data_uri: str, seed: int, force: bool, metrics: dsl.Output[dsl.Metrics]) -> NamedTuple(
    "Intake",
    [
        ("changed", str),
        ("said", str),
        ("images", str),
        ("training_images", str),
        ("origin", str),
        ("tagging", str),
        ("masks", str),
        ("clustering", str),
        ("segnet", str),
        ("lgst", str),
        ("statistics", str),
        ("evaluation", str),
    ],
):
    """Find out which images a run is of and whether it is needed, and check each image once.

    Args:
        line_yaml: The product line, as text.
        data_uri: store://LINE (what was pushed last), store://LINE@DIGEST, or a folder: LOCO layout or good images.
        seed: Seed of the run.
        force: Do the work although the last run was of the same data, line, seed and code.

    Returns:
        metrics: Images per split, files left out, megabytes; nothing where nothing is to be done.
        changed: "true", or "false" where the last run ended where this one would.
        said: Which images, or why nothing is to be done.
        images: Address of all usable images, packed, named by their content.
        training_images: The same of those that train and calibrate.
        origin: Digest of the data, the line, the seed and the code.
        tagging: The line reduced to what `tagging` reads.
        masks: The line reduced to what `masks` reads.
        clustering: The line reduced to what `clustering` reads.
        segnet: The line reduced to what `segnet` reads.
        lgst: The line reduced to what `lgst` reads.
        statistics: The line reduced to what `statistics` reads.
        evaluation: The line reduced to what `evaluation` reads.
    """
    from csad.gate.intake_task import run_intake

    intake = run_intake(line_yaml, data_uri, seed, force)
    intake.record(metrics)
    changed = "true" if intake.changed else "false"
    return (changed, intake.said, intake.images, intake.training_images, intake.origin, *intake.lines.values())
