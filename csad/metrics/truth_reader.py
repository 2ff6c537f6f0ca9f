"""The ground truth of a whole test set, and what is missing, broken or doubtful about it, each with a count."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from csad.common.errors import DatasetError
from csad.images import ImageFile, ImageSet, ground_truth_masks
from csad.images.good_names import naming_hints
from csad.images.records import GOOD
from csad.metrics.ground_truth import Defect, SaturationRule, read_defects
from csad.metrics.mask_doubts import EXAMPLES, MaskDoubts, examples


class TruthReader:
    """Reads the masks of one test image after another and remembers what was wrong with them.

    Args:
        images: The data set.
        rules: Its saturation rules.

    Attributes:
        anomalous: Anomalous images so far.
        without: Those of them without a mask that marks a pixel.
    """

    def __init__(self, images: ImageSet, rules: Mapping[int, SaturationRule] | None) -> None:
        self._images = images
        self._rules = rules
        self._doubts = MaskDoubts()
        self._broken: list[str] = []
        self.anomalous = 0
        self.without = 0

    def of(self, file: ImageFile, shape: tuple[int, int]) -> list[Defect]:
        """Read the defects of an image of `shape` (H, W); none, and a problem noted, where they cannot be used."""
        if file.kind == GOOD:
            return []
        self.anomalous += 1
        try:
            defects = read_defects(self._images.root, file, shape, self._rules, self._doubts)
        except DatasetError as error:
            self._broken.append(str(error))
            return []
        self.without += not defects
        return defects

    def problems(self) -> list[str]:
        """What does not count in localisation: images with broken masks, images without any."""
        if not self.without:
            return self.broken()
        absent = f"{self.without} of {self.anomalous} anomalous images have no mask and do not count in localisation"
        return [*self.broken(), absent]

    def broken(self) -> list[str]:
        """Masks that cannot be used, as one sentence with a count; empty where all can."""
        if not self._broken:
            return []
        more = [f"and {len(self._broken) - EXAMPLES} more"] if len(self._broken) > EXAMPLES else []
        return [
            f"{len(self._broken)} of {self.anomalous} anomalous images have masks that cannot be used and do not count "
            f"in localisation: {'; '.join([*self._broken[:EXAMPLES], *more])}"
        ]

    def doubts(self) -> list[str]:
        """What counts and may be wrong, and masks that belong to no image."""
        return [*self._doubts.sentences(), *unclaimed_masks(self._images.root, self._images.test)]


def unclaimed_masks(root: Path, images: Iterable[ImageFile]) -> Iterator[str]:
    """Say how many files in ground_truth belong to no test image; nothing where all do.

    Args:
        root: Folder of the data set.
        images: Its test images.
    """
    claimed = {path for image in images if image.kind != GOOD for path in ground_truth_masks(root, image)}
    folder = root / "ground_truth"
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith("."))
    others = [path.relative_to(root).as_posix() for path in files if path not in claimed]
    if others:
        noun = "files belong" if len(others) > 1 else "file belongs"
        yield (
            f"{len(others)} {noun} to no usable anomalous test image: {examples(others)}; expected PNG files named "
            "ground_truth/<kind>/<name of the image>/*.png or ground_truth/<kind>/<name of the image>_mask.png"
        )


def naming_doubts(images: ImageSet) -> Iterator[str]:
    """Say where the good test images, or the masks, may lie under another name."""
    yield from naming_hints(images.root, ("test",), ("ground_truth",))
    if not any(image.kind == GOOD for image in images.test):
        found = sorted({image.kind for image in images.test})
        yield (
            f"no good test images, so there is no AUROC and no rate of false rejects: expected test/{GOOD}, found "
            f"{', '.join(f'test/{kind}' for kind in found)}"
        )
