"""Where the defects of a test image are, and how much of each has to be found (method 7)."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from csad.errors import DatasetError, ImageError
from csad.images import ImageFile, ground_truth_masks
from csad.images.reading import load, open_image
from csad.settings import MAX_PIXELS

CONFIG = "defects_config.json"

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
    """One ground-truth channel: one mask file is one defect, however many parts it has.

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
    root: Path, image: ImageFile, shape: tuple[int, int], rules: Mapping[int, SaturationRule] | None
) -> list[Defect]:
    """Read the defects of one anomalous test image.

    Args:
        root: Folder of the data set.
        image: The image.
        shape: Its (H, W).
        rules: Of the data set; None saturates each defect at its full area.

    Returns:
        One per mask file with a pixel set; none where the image has no masks.

    Raises:
        DatasetError: A mask cannot be read, or has another size than its image.
    """
    defects = []
    for path in ground_truth_masks(root, image):
        values = _read_values(path)
        if values.shape != shape:
            raise DatasetError(
                f"mask {path} is {values.shape[1]} x {values.shape[0]}, its image {image.path.name} {shape[1]} x "
                f"{shape[0]}; expected the same size, draw it again"
            )
        mask = values > 0
        area = int(mask.sum())
        if area:
            defects.append(Defect(mask, _saturation(path, np.unique(values[mask]), area, rules)))
        else:
            _log.warning("mask %s marks no pixel; it does not count", path)
    return defects


def _saturation(path: Path, values: np.ndarray, area: int, rules: Mapping[int, SaturationRule] | None) -> float:
    if rules is None:
        return area
    if len(values) == 1 and int(values[0]) in rules:
        return rules[int(values[0])].pixels(area)
    found = ", ".join(str(value) for value in values[:5])
    _log.warning("mask %s holds the values %s; expected one of %s: it saturates at its full area", path, found, CONFIG)
    return area


def _read_values(path: Path) -> np.ndarray:
    """Read a mask as it is stored: integers (H, W); of colours the largest channel."""
    try:
        with path.open("rb") as stream:
            picture = load(open_image(stream, str(path), MAX_PIXELS), str(path))
    except (ImageError, OSError) as error:
        raise DatasetError(f"mask {path} cannot be read ({error}); draw it again") from None
    values = np.asarray(picture)
    if picture.mode in {"LA", "PA"}:
        return values[:, :, 0]
    if values.ndim == 2:
        return values
    colours: np.ndarray = np.asarray(picture.convert("RGB")).max(axis=2)
    return colours
