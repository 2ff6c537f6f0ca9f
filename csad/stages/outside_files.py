"""Files outside of csad and of the data that a stage's result depends on."""

from collections.abc import Sequence
from pathlib import Path

from csad.config.line import ProductLine
from csad.features.backbone import named_weights


def backbone_weights(line: ProductLine, **_: Path) -> Sequence[Path]:
    """The weights file that a line names for its backbone; none where a package carries them.

    Raises:
        WeightsError: The file is missing.
    """
    return named_weights(line.backbone)


def branch_files(**_: object) -> Sequence[Path]:
    """Files of score branches that are no part of csad."""
    from csad.scoring.branches import outside_files

    return outside_files()


def weights_and_branches(line: ProductLine, **_: Path) -> Sequence[Path]:
    """Both.

    Raises:
        WeightsError: The backbone's file is missing.
    """
    return [*backbone_weights(line), *branch_files()]
