"""What the doctor has found."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Status = Literal["ok", "missing", "unknown"]


@dataclass(frozen=True)
class Finding:
    """One thing that was checked.

    Attributes:
        status: ok; missing: a run would hang or fail; unknown: it could not be checked.
        what: What was found.
        mend: The command that mends it, or what to do; "" where nothing is to be done.
    """

    status: Status
    what: str
    mend: str = ""


@dataclass(frozen=True)
class DoctorReport:
    """All that was checked."""

    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing is missing; what could not be checked does not count."""
        return all(one.status != "missing" for one in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Write for scripts."""
        return {"healthy": self.healthy, "findings": [asdict(one) for one in self.findings]}

    def to_text(self) -> str:
        """Write for people."""
        lines = [line for one in self.findings for line in _lines(one)]
        counts = {status: sum(one.status == status for one in self.findings) for status in ("ok", "missing", "unknown")}
        return "\n".join([*lines, "", ", ".join(f"{count} {status}" for status, count in counts.items())])


def first_or(findings: Iterable[Finding], fine: str) -> list[Finding]:
    """Return the findings, or one that says what is fine where there are none."""
    found = list(findings)
    return found or [Finding("ok", fine)]


def _lines(finding: Finding) -> list[str]:
    mend = [f"           -> {finding.mend}"] if finding.mend else []
    return [f"{finding.status:<10} {finding.what}", *mend]
