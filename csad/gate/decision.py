"""What the gate decided: the record, its files and its figures."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from csad.common import atomic
from csad.common.errors import DeploymentError
from csad.config.settings import GateSettings
from csad.evaluation.figures import Record
from csad.gate.checks import Check
from csad.runner.artifact_metadata import DescribedArtifact, describe, origin_metadata
from csad.runner.files import translate_os_errors
from csad.runner.summary import MetricSink, finite

GATE_FILE = "gate.json"
GATE_PAGE = "gate.html"


class Judged(Record):
    """A model that was judged.

    Attributes:
        version: In the registry; empty where it has none yet.
        checksum: Checksum of its manifest.
        snapshot: Digest of the data that trained it.
        seed: Random seed of its training.
        created: When, ISO 8601.
        milliseconds: Median time for one image, on the gate's machine.
    """

    version: str
    checksum: str
    snapshot: str
    seed: int
    created: str
    milliseconds: float


class GateDecision(Record):
    """What the gate says.

    Attributes:
        line: Product line.
        accepted: The new model may go into service.
        reason: In a sentence.
        challenger: The new model.
        champion: The one in service; null for the first model of a line.
        judged_on: Which images, in words.
        data: Digest of the data set.
        checks: Every check; all must pass.
        notices: What should be looked at, though it decides nothing.
        settings: The limits.
        csad: Version of the program.
    """

    line: str
    accepted: bool
    reason: str
    challenger: Judged
    champion: Judged | None
    judged_on: str
    data: str
    checks: tuple[Check, ...]
    notices: tuple[str, ...]
    settings: GateSettings
    csad: str

    @property
    def refusals(self) -> list[Check]:
        """The checks that failed."""
        return [check for check in self.checks if not check.passed]

    @property
    def against(self) -> str | None:
        """The version that the new model was compared with; None for the first model of a line."""
        return self.champion.version if self.champion else None

    def to_json(self) -> dict[str, Any]:
        """The decision for scripts, ready for `json.dumps`."""
        return self.model_dump(mode="json")

    def log_to(self, sink: MetricSink) -> None:
        """Record the decision and the figures of the checks, by names that sort: the decision first."""
        figures = {"1_accepted": float(self.accepted)}
        for check in self.checks:
            name = f"2_{check.rule}_{check.subject}".replace(" ", "_")
            if check.challenger is not None:
                figures[name] = check.challenger
            if check.champion is not None:
                figures[f"{name}_champion"] = check.champion
        for name, value in finite(figures).items():
            sink.log_metric(name, value)

    def describe(self, *artifacts: DescribedArtifact) -> None:
        """Write beside artifacts what was judged, against what, and the decision."""
        origin = origin_metadata(self.line, self.data, "csad.gate.gate", self.challenger.checksum)
        decided = {"accepted": str(self.accepted).lower(), "champion": self.against or "none", "stage": "gate"}
        describe({**origin, "checks": len(self.checks), "refusals": len(self.refusals), **decided}, *artifacts)


def write_decision(decision: GateDecision, output: Path) -> None:
    """Write gate.json and gate.html into a folder.

    Raises:
        StageError: The folder cannot be written.
    """
    from csad.gate.page import render

    with translate_os_errors(output):
        atomic.write_text(output / GATE_PAGE, render(decision))
        atomic.write_text(output / GATE_FILE, json.dumps(decision.to_json(), indent=2) + "\n")


def read_decision(folder: Path) -> GateDecision:
    """Read gate.json from the gate's output.

    Raises:
        DeploymentError: There is none, or it is damaged.
    """
    path = folder / GATE_FILE
    try:
        return GateDecision.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise DeploymentError(f"{path} cannot be read as a decision of the gate; run the gate again") from error
