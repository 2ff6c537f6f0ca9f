"""The champion that the gate judged a registered version against, and whether it is still the champion."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from csad.common.errors import DeploymentError
from csad.gate.decision import GATE_FILE, read_decision
from csad.store.champion import Champion
from csad.store.objects import ObjectStore
from csad.store.registry import ModelVersion, fetch_file

AGAIN = (
    "run the line's training pipeline again (`python -m pipelines submit`): what has not changed is not trained again, "
    "and the gate compares it with the champion of today; or deploy it yourself: csad deploy"
)


@dataclass(frozen=True)
class JudgedVersion:
    """A version that the gate accepted.

    Attributes:
        line: Product line.
        version: Version of its model.
        against: Champion that it was compared with; None for the first model of a line.
    """

    line: str
    version: str
    against: str | None

    def require_champion(self, champion: Champion | None) -> None:
        """Let the version replace only the champion that it was compared with; it may be champion already.

        Args:
            champion: Champion of the line, now.

        Raises:
            DeploymentError: It is another one.
        """
        now = champion.version if champion else None
        if now not in (self.version, self.against):
            found = f"the champion is {now} now, which it was not compared with" if now else "there is no champion now"
            raise DeploymentError(
                f"the gate judged version {self.version} of line {self.line} against {_named(self.against)}, but "
                f"{found}; nothing was changed. {AGAIN}"
            )


def judged_version(store: ObjectStore, model: ModelVersion) -> JudgedVersion:
    """Read the decision that packaging registered with a version.

    Args:
        store: Where the version is.
        model: The version.

    Raises:
        DeploymentError: It has no decision, or a damaged one.
        StoreError: The store does not answer.
    """
    if GATE_FILE not in model.files:
        raise DeploymentError(
            f"version {model.version} of line {model.line} has no {GATE_FILE}: the gate never judged it. {AGAIN}"
        )
    with tempfile.TemporaryDirectory(prefix="csad-gate-") as folder:
        fetch_file(store, model.line, model.version, GATE_FILE, Path(folder) / GATE_FILE)
        try:
            decision = read_decision(Path(folder))
        except DeploymentError as error:
            raise DeploymentError(
                f"{GATE_FILE} of version {model.version} of line {model.line} cannot be read as a decision. {AGAIN}"
            ) from error
    return JudgedVersion(model.line, model.version, decision.against)


def _named(version: str | None) -> str:
    return "no champion" if version is None else version or "a model that has no version"
