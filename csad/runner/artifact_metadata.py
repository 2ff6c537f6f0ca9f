"""What stands beside every artifact of a run: the line, the data and the code that it came from."""

from collections.abc import Mapping
from typing import Any, Protocol

from csad.common.commit import code_commit
from csad.runner.code import code_version

Metadata = Mapping[str, str | float]


class DescribedArtifact(Protocol):
    """An artifact of a pipeline."""

    metadata: dict[str, Any]


def origin_metadata(line: str, data: str, module: str, digest: str = "") -> dict[str, str | float]:
    """Say where something comes from.

    Args:
        line: Name of the product line.
        data: Digest of the data; "" where it was not looked at.
        module: Module of csad that made it; its code and all that this uses is named.
        digest: What identifies the result.

    Returns:
        "line", "data", "digest", "csad" (release and digest of the code) and "commit" of the run's code, which is
        "unknown" where nobody said; what is "" is left out.
    """
    told = {"line": line, "data": data, "digest": digest, "csad": code_version(module), "commit": code_commit()}
    return {name: value for name, value in told.items() if value}


def describe(metadata: Metadata, *artifacts: DescribedArtifact) -> None:
    """Write metadata beside artifacts."""
    for artifact in artifacts:
        artifact.metadata.update(metadata)
