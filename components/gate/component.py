"""Component `gate`."""

from typing import NamedTuple

from kfp import dsl

from components.images import TRAIN_IMAGE


@dsl.component(base_image=TRAIN_IMAGE, packages_to_install=[], install_kfp_package=False)
def gate(
    line_yaml: str,
    images: str,
    model: dsl.Input[dsl.Model],
    evaluation: dsl.Input[dsl.Artifact],
    gate: dsl.Output[dsl.Artifact],
    report: dsl.Output[dsl.HTML],
    metrics: dsl.Output[dsl.Metrics],
) -> NamedTuple("Outputs", [("accepted", str), ("reason", str)]):
    """Compare the new model with the line's champion on the same images, and decide.

    Args:
        line_yaml: The product line, as text; its section `gate` holds the limits.
        images: Address of all images, as `ingest` gave it.
        model: Output of `statistics`: the challenger.
        evaluation: Output of `evaluation`, of the same model on the same images.

    Returns:
        gate: gate.json: the decision, and every check with its numbers and its reason.
        report: The same for people.
        metrics: The numbers of the checks.
        accepted: "true" or "false".
        reason: Why, in a sentence.
    """
    from csad.gate.task import run_gate

    decision = run_gate(line_yaml, images, model.path, evaluation.path, gate.path, report.path)
    decision.log_to(metrics)
    decision.describe(gate, report, metrics)
    return ("true" if decision.accepted else "false", decision.reason)
