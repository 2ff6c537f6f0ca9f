"""The backbone's weights as something that a stage's result depends on."""

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
