"""The backbone's weights as something that a stage's result depends on."""

from collections.abc import Sequence
from pathlib import Path

from csad.backbone import named_weights
from csad.line import ProductLine


def backbone_weights(line: ProductLine, **_: Path) -> Sequence[Path]:
    """The weights file that a line names for its backbone; none where a package carries them.

    Raises:
        WeightsError: The file is missing.
    """
    return named_weights(line.backbone)
