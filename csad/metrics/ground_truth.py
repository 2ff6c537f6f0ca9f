"""Where the defects of a test image are, and how much of each has to be found (MVTec LOCO AD).

Saturation as doi:10.1007/s11263-022-01578-9 defines it: s = int(t A) for a relative threshold t, else min(t, A), with A
the area of the defect; one channel of the ground truth is one defect.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from csad.common.errors import DatasetError
from csad.images import ImageFile, ground_truth_masks
from csad.images.orientation import QUARTER_TURNS, UPRIGHT, orientation_of, turn_upright
from csad.metrics.mask_doubts import Doubt, MaskDoubts
from csad.metrics.mask_values import LARGEST_VALUE, MaskPicture, levels_of, read_mask

CONFIG = "defects_config.json"
MOST_LABELS = 8
"""Values in one mask that can be labels of its parts; more are the soft edges of a scaled or compressed picture."""

_log = logging.getLogger(__name__)


class SaturationRule(BaseModel):
    """One entry of defects_config.json: from how many pixels on a defect counts as found.

    Attributes:
        defect_name: What the defect is called.
        pixel_value: Value of its pixels in a mask file.
        saturation_threshold: Pixels, or a fraction of the defect's area.
        relative_saturation: Whether the threshold is a fraction.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    defect_name: str = ""
    pixel_value: int
    saturation_threshold: float = Field(gt=0)
    relative_saturation: bool

    def pixels(self, area: int) -> float:
        """Saturation in pixels for a defect of `area` pixels, at least 1."""
        if self.relative_saturation:
            return max(int(self.saturation_threshold * area), 1)
        return min(self.saturation_threshold, area)


@dataclass(frozen=True)
class Defect:
    """One ground-truth channel: one value in one mask file is one defect, however many parts it has.

    Attributes:
        mask: bool (H, W), at least one pixel set.
        saturation: Pixels of it that have to be found, more than 0.
    """

    mask: np.ndarray
    saturation: float


def read_saturation_rules(root: Path) -> dict[int, SaturationRule] | None:
    """Read the rules of a data set by pixel value; None where it has no defects_config.json.

    Raises:
        DatasetError: The file is not what MVTec LOCO AD defines.
    """
    path = root / CONFIG
    if not path.is_file():
        return None
    try:
        rules = TypeAdapter(list[SaturationRule]).validate_python(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, OSError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise DatasetError(
            f"{path} cannot be used ({reason}); expected a list of objects with defect_name, pixel_value, "
            "saturation_threshold and relative_saturation; correct it or remove it"
        ) from None
    return {rule.pixel_value: rule for rule in rules}


def read_defects(
    root: Path,
    image: ImageFile,
    shape: tuple[int, int],
    rules: Mapping[int, SaturationRule] | None,
    doubts: MaskDoubts | None = None,
) -> list[Defect]:
    """Read the defects of one anomalous test image.

    Args:
        root: Folder of the data set.
        image: The image.
        shape: Its (H, W), upright.
        rules: Rules of the data set; None saturates each defect at its full area.
        doubts: Collects what is doubtful about the masks; None logs it.

    Returns:
        One per mask file with a pixel set, or one per value where the rules name several values of a file; none where
        the image has no masks.

    Raises:
        DatasetError: A mask cannot be read, or has another size than its image.
    """
    paths = ground_truth_masks(root, image)
    orientation = orientation_of(image.path) if paths else UPRIGHT
    collected = MaskDoubts() if doubts is None else doubts
    defects = []
    for path in paths:
        name = path.relative_to(root).as_posix()
        values = _oriented(read_mask(path, rules or ()), shape, orientation, name, collected)
        if values.shape != shape:
            raise DatasetError(
                f"mask {path} is {values.shape[1]} x {values.shape[0]}, its image {image.path.name} {shape[1]} x "
                f"{shape[0]}; expected the same size, draw it again"
            )
        defects += _defects(values, name, rules, collected)
    if doubts is None:
        for sentence in collected.sentences():
            _log.warning("%s", sentence)
    return defects


def _oriented(mask: MaskPicture, shape: tuple[int, int], orientation: int, name: str, doubts: MaskDoubts) -> np.ndarray:
    """Values as they lie over the upright image.

    A mask that fits the image only as it is stored was drawn on it so, and is turned like the image. One that fits
    either way may have been drawn on either.
    """
    values = mask.values
    if mask.orientation == orientation:
        return values
    if mask.orientation == UPRIGHT and orientation in QUARTER_TURNS and values.shape == shape[::-1] != shape:
        doubts.add(Doubt.TURNED, name)
        return turn_upright(values, orientation)
    doubts.add(Doubt.ORIENTATION, name)
    return values


def _defects(
    values: np.ndarray, name: str, rules: Mapping[int, SaturationRule] | None, doubts: MaskDoubts
) -> list[Defect]:
    """The defects of one mask; `values` are uint16 (H, W), 0 is background."""
    levels = levels_of(values)
    if not levels:
        doubts.add(Doubt.EMPTY, name)
        return []
    named = rules is not None and all(level in rules for level in levels)
    if 2 * np.count_nonzero(values) > values.size and not (named and _leaves_the_border(values)):
        doubts.add(Doubt.OVER_HALF, name)
    if rules is not None and named:
        masks = [(rules[level], values == level) for level in levels]
        return [Defect(mask, rule.pixels(int(mask.sum()))) for rule, mask in masks]
    mask = values >= _least_level(levels, name, doubts)
    if rules is not None:
        doubts.add(Doubt.UNNAMED, f"{name} holds the values {_listed(levels)}")
    return [Defect(mask, int(mask.sum()))]


def _leaves_the_border(values: np.ndarray) -> bool:
    """Whether most of the outermost pixels are background.

    Where a part is missing, a rule's mask may mark all of the large area where it could lie; one whose defect and
    background are swapped marks the border.
    """
    border = np.concatenate([values[0], values[-1], values[1:-1, 0], values[1:-1, -1]])
    return bool(2 * np.count_nonzero(border) < border.size)


def _least_level(levels: list[int], name: str, doubts: MaskDoubts) -> int:
    """From which value on a pixel is part of the defect, where no rule names the values."""
    if len(levels) == 1:
        return levels[0]
    half = (LARGEST_VALUE if levels[-1] > 255 else 255) // 2 + 1
    if len(levels) > MOST_LABELS and levels[-1] >= half:
        doubts.add(Doubt.SOFT, f"{name} with {len(levels)} values")
        return half
    doubts.add(Doubt.LABELS, f"{name} holds the values {_listed(levels)}")
    return levels[0]


def _listed(levels: list[int]) -> str:
    return f"{' '.join(map(str, levels[:5]))}{' ...' if len(levels) > 5 else ''}"
