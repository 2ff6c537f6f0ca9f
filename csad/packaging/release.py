"""The release component's work: the gate, and behind it packaging, in one task.

Both take seconds, run under one account and are never cached; apart they would cost a run two pods and 10 s more.
"""

from dataclasses import dataclass

from csad.config.line import ProductLine
from csad.gate.decision import GateDecision
from csad.gate.task import run_gate
from csad.packaging.task import Artifacts, run_packaging
from csad.runner.data_source import resolve_uri
from csad.runner.task import failing_clearly


@dataclass(frozen=True)
class Released:
    """How the task ended.

    Attributes:
        decision: The gate's.
        version: The registered version; "" where the gate refused.
    """

    decision: GateDecision
    version: str


def run_release(
    line_yaml: str, seed: int, origin: str, images: str, model: str, evaluation: str, gate: str, report: str
) -> Released:
    """Judge a model; pack and register it where it is accepted.

    Args:
        line_yaml: The product line, as text.
        seed: Random seed of the run.
        origin: Digest of what the run is of: it is recorded with how the run ends.
        images: Address of all images, as `ingest` gave it; they are fetched once.
        model: Output of `statistics`.
        evaluation: Output of `evaluation`.
        gate: Folder for gate.json and gate.html.
        report: Where gate.html goes as well.

    Raises:
        SystemExit: It failed for a reason that a user can put right; its message is the exit status and says which of
            the two it was.
    """
    with failing_clearly("release"):
        ProductLine.from_yaml(line_yaml)  # else the images would be fetched for a line that nobody can read
        with resolve_uri(images) as folder:
            decision = run_gate(line_yaml, str(folder), model, evaluation, gate, report)
            version = run_packaging(line_yaml, seed, origin, Artifacts(str(folder), model, evaluation, gate))
    return Released(decision, version)
