"""Weights that a line names without a path: `weights://NAME`, which means the same on a laptop and in a pod."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from csad.common.errors import WeightsError

ADDRESS = "weights://"
FOLDER_VARIABLE = "CSAD_WEIGHTS"
"""Names the weights folder, which `csad weights sync` fills; a pod fetches its own from the store's mirror."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,126}")
SHA256 = re.compile(r"[0-9a-f]{64}")


def name_of(text: str | None) -> str | None:
    """The name in weights://NAME; None for a path or anything else.

    Example:
        >>> name_of("weights://wide_resnet50_2.tv2_in1k")
        'wide_resnet50_2.tv2_in1k'
    """
    return text.removeprefix(ADDRESS) if text and text.startswith(ADDRESS) else None


def weights_path(text: str) -> Path:
    """Where a file of weights lies that a line names by path or by weights://NAME.

    Args:
        text: A path, or an address: then it is NAME.safetensors of the weights folder.

    Raises:
        WeightsError: The environment names no weights folder.
    """
    name = name_of(text)
    if name is None:
        return Path(text)
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        raise WeightsError(
            f"{text} needs a weights folder; set the environment variable {FOLDER_VARIABLE} to the folder that "
            "`csad weights sync`, `csad weights import` or `csad weights push` filled"
        )
    return Path(folder) / f"{name}.safetensors"


def is_name(text: str) -> bool:
    """Whether weights may be called so."""
    return NAME.fullmatch(text) is not None


def _check_address(text: str) -> str:
    name = name_of(text)
    if name is not None and not is_name(name):
        raise ValueError(f"{ADDRESS} and a name of letters, digits, ., _ and -, such as {ADDRESS}convnext_tiny.in12k")
    return text


def _check_digest(text: str) -> str:
    if not SHA256.fullmatch(text):
        raise ValueError("a SHA-256 of 64 digits 0-9a-f for each name, as `csad weights list --json` shows it")
    return text


WeightsPlace = Annotated[str, Field(min_length=1), AfterValidator(_check_address)]
"""A path, a word such as "embedded", or weights://NAME."""

Sha256 = Annotated[str, AfterValidator(_check_digest)]
