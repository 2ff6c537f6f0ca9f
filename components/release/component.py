"""Component `release`."""

from typing import NamedTuple

from kfp import dsl

from components.images import TRAIN_IMAGE


@dsl.component(base_image=TRAIN_IMAGE, packages_to_install=[], install_kfp_package=False)
def release(
    line_yaml: str,
    seed: int,
    origin: str,
    images: str,
    model: dsl.Input[dsl.Model],
    evaluation: dsl.Input[dsl.Artifact],
    gate: dsl.Output[dsl.Artifact],
    report: dsl.Output[dsl.HTML],
    metrics: dsl.Output[dsl.Metrics],
) -> NamedTuple("Outputs", [("accepted", str), ("version", str), ("reason", str)]):
    """Compare the new model with the line's champion; where it is accepted, pack it as a Bento and register it.

    Args:
        line_yaml: The product line, as text; its section `gate` holds the limits.
        seed: Random seed of the run.
        origin: Digest of the data, the line, the seed and the code, as `ingest` gave it; is recorded.
        images: Address of all images, as `ingest` gave it; a few of them become the smoke test.
        model: Output of `statistics`: the challenger.
        evaluation: Output of `evaluation`, of the same model on the same images.

    Returns:
        gate: gate.json: the gate's decision, and every check with its numbers and its reason.
        report: The same for people.
        metrics: The numbers of the checks.
        accepted: "true" or "false".
        version: The registered version; "" where the gate refused the model.
        reason: Why, in a sentence.
    """
    from csad.packaging.release import run_release

    released = run_release(line_yaml, seed, origin, images, model.path, evaluation.path, gate.path, report.path)
    released.decision.log_to(metrics)
    released.decision.describe(gate, report, metrics)
    return ("true" if released.decision.accepted else "false", released.version, released.decision.reason)
