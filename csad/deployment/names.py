"""What the objects of a line are called in a cluster."""

from dataclasses import dataclass
from enum import StrEnum

from csad.common.hashing import bytes_sha256

LONGEST = 40
"""Length of the line's part in a name: with everything added it stays below Kubernetes' 63 characters."""

LINE_LABEL, VERSION_LABEL, SLOT_LABEL = "csad/line", "csad/version", "csad/slot"
MANAGER, MANAGED_BY = "app.kubernetes.io/managed-by", "csad"
TEMPLATE_DIGEST, VERIFIED = "csad/template-digest", "csad/verified"


class Slot(StrEnum):
    """The two places of a line: `main` serves; `candidate` exists only while a new version is tried."""

    MAIN = "main"
    CANDIDATE = "candidate"


@dataclass(frozen=True)
class ServingNames:
    """Names and labels of one line's objects.

    Attributes:
        line: Product line.
        namespace: Where they are.
    """

    line: str
    namespace: str

    @property
    def main(self) -> str:
        """Name of the Deployment, the Service and all that goes with them."""
        name = self.line.replace("_", "-")
        if name != self.line or len(name) > LONGEST:
            # Two lines that differ in what a DNS name cannot hold still need two names.
            name = f"{name[: LONGEST - 9].rstrip('-')}-{bytes_sha256(self.line.encode())[:8]}"
        return f"csad-{name}"

    @property
    def candidate(self) -> str:
        """Name of the Deployment and the Service of a version that is tried."""
        return f"candidate-{self.main}"

    def of(self, slot: Slot) -> str:
        """The name for a slot."""
        return self.main if slot is Slot.MAIN else self.candidate

    @property
    def instance(self) -> dict[str, str]:
        """Labels that all pods of the line share."""
        return {"app.kubernetes.io/name": "csad-scorer", LINE_LABEL: self.line}

    def selector(self, slot: Slot) -> dict[str, str]:
        """Labels that the pods of a slot share."""
        return self.instance | {SLOT_LABEL: slot.value}

    def labels(self, slot: Slot = Slot.MAIN) -> dict[str, str]:
        """Labels of the objects themselves."""
        return self.selector(slot) | {"app.kubernetes.io/part-of": "csad", MANAGER: MANAGED_BY}

    @property
    def endpoint(self) -> str:
        """The address of the line inside the cluster."""
        return f"http://{self.main}.{self.namespace}.svc"
