"""Component `packaging`."""

from typing import NamedTuple

from kfp import dsl

from components.images import TRAIN_IMAGE


@dsl.component(base_image=TRAIN_IMAGE, packages_to_install=[], install_kfp_package=False)
def packaging(
    line_yaml: str,
    seed: int,
    origin: str,
    images: str,
    model: dsl.Input[dsl.Model],
    evaluation: dsl.Input[dsl.Artifact],
    gate: dsl.Input[dsl.Artifact],
) -> NamedTuple("Outputs", [("version", str)]):
    """Build the Bento of an accepted model, check it over HTTP and register it in the store.

    Args:
        line_yaml: The product line, as text.
        seed: Random seed of the run.
        origin: Digest of the data, the line, the seed and the code, as `ingest` gave it; is recorded.
        images: Address of all images, as `ingest` gave it; a few of them become the smoke test.
        model: Output of `statistics`.
        evaluation: Output of `evaluation`, of the same model on the same images.
        gate: Output of `gate`: a model that it refused is not registered.

    Returns:
        version: The registered version; "" where the gate refused the model.
    """
    from csad.packaging.task import Artifacts, run_packaging

    artifacts = Artifacts(images, model.path, evaluation.path, gate.path)
    return (run_packaging(line_yaml, seed, origin, artifacts),)
