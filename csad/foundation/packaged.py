"""Data files of the package whose content is part of the code: results depend on it."""

from __future__ import annotations

from pathlib import Path

import yaml

from csad.common.errors import WeightsError
from csad.common.hashing import bytes_sha256


def read_packaged(path: Path, sha256: str) -> dict[str, str]:
    """Read a YAML file of texts that comes with the package.

    Args:
        path: The file.
        sha256: What it must hold. It stands in the code, so that a changed file makes stages run again.

    Raises:
        WeightsError: The file is missing or was changed.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror}); install csad again") from error
    found = bytes_sha256(content)
    if found != sha256:
        raise WeightsError(
            f"{path} was changed: its sha256 is {found}, expected {sha256}; install csad again, or put the new digest "
            "into the module that reads it"
        )
    texts: dict[str, str] = yaml.safe_load(content)
    return texts
