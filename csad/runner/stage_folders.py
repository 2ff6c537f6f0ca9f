"""What the folders of stages are called, so that nothing else is ever taken for one."""

import re

from csad.runner.stage_order import NAMES

FETCHED = "data"
"""Versions of a data set that were fetched from a store lie beside the stages."""

PARTIAL = ".partial"
KEY_LENGTH = 12
OURS = re.compile(rf"(?:{'|'.join((*NAMES, FETCHED))})-[0-9a-f]{{{KEY_LENGTH}}}(?:{re.escape(PARTIAL)})?")


def folder_name(name: str, key: str) -> str:
    """Name of the folder of a finished stage, or of fetched data.

    Args:
        name: Name of the stage.
        key: Hexadecimal digest of what the content depends on.
    """
    return f"{name}-{key[:KEY_LENGTH]}"


def is_ours(name: str) -> bool:
    """Whether a folder's name is one that csad gives."""
    return OURS.fullmatch(name) is not None
