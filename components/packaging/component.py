"""Component `packaging`."""

from typing import NamedTuple

from kfp import dsl

from components.images import TRAIN_IMAGE


@dsl.component(base_image=TRAIN_IMAGE, packages_to_install=[], install_kfp_package=False)
def packaging(
    line_yaml: str,
    git_commit: str,
    seed: int,
    images: dsl.Input[dsl.Dataset],
    model: dsl.Input[dsl.Model],
    evaluation: dsl.Input[dsl.Artifact],
    gate: dsl.Input[dsl.Artifact],
) -> NamedTuple("Outputs", [("version", str)]):
    """Build the Bento of an accepted model, check it over HTTP and register it in the store.

    Args:
        line_yaml: The product line, as text.
        git_commit: Of the code that the run uses; goes on record.
        seed: Of the run.
        images: Output of `ingest`; a few of its images become the smoke test.
        model: Output of `statistics`.
        evaluation: Output of `evaluation`, of the same model on the same images.
        gate: Output of `gate`: a model that it did not accept is not registered.

    Returns:
        version: The registered version.
    """
    from csad.packaging.task import Artifacts, run_packaging

    artifacts = Artifacts(images.path, model.path, evaluation.path, gate.path)
    return (run_packaging(line_yaml, git_commit, seed, artifacts).version,)
