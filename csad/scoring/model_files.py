"""Checksums of a model's files, without the library that computes on them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from csad.common.errors import ModelFolderError
from csad.common.hashing import file_sha256

MANIFEST = "model.json"


def check_files(folder: Path, files: Mapping[str, str]) -> None:
    """Compare files with their checksums.

    Args:
        folder: Where they are.
        files: SHA-256 per name.

    Raises:
        ModelFolderError: One is missing or changed; the message names it.
    """
    for name, expected in files.items():
        file = folder / name
        if not file.is_file():
            raise ModelFolderError(f"{file} is missing; copy the whole model folder again")
        found = file_sha256(file)
        if found != expected:
            raise ModelFolderError(
                f"{file} was changed: its sha256 is {found}, expected {expected}; copy the model folder again"
            )


def check_folder(folder: Path) -> None:
    """Check in a moment that a folder holds a whole model; loading it checks the rest.

    Raises:
        ModelFolderError: It does not; the message names the file.
    """
    try:
        files = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelFolderError(
            f"{folder} is no model folder: {MANIFEST} cannot be read; train a model first"
        ) from error
    check_files(folder, files)
