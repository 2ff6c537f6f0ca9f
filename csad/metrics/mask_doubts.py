"""What is doubtful about the masks of a data set: one sentence per kind of doubt, with a count and examples."""

from collections.abc import Iterator
from enum import StrEnum

EXAMPLES = 3


class Doubt(StrEnum):
    """A kind of doubt, as what a mask does."""

    EMPTY = "marks no pixel and does not count"
    OVER_HALF = (
        "marks more than half of its image and counts as it is; where defect and background are swapped, draw it again"
    )
    UNNAMED = "saturates at its full area, as defects_config.json lacks its values; add them or correct the mask"
    LABELS = (
        "holds several values that nothing explains, and each that is not 0 counts as defect; use one value per mask, "
        "or name them in defects_config.json"
    )
    SOFT = (
        "has many grey levels that nothing explains, like soft edges or noise, and half of full brightness or more "
        "counts as defect; store it with two values"
    )
    ORIENTATION = (
        "carries another EXIF orientation than its image, so it may mark another place, and counts as it is; "
        "save both upright"
    )
    TURNED = "was turned like its image, whose EXIF orientation it lacks; save both upright"


class MaskDoubts:
    """Collects doubts while masks are read."""

    def __init__(self) -> None:
        self._found: dict[Doubt, list[str]] = {}

    def add(self, doubt: Doubt, mask: str) -> None:
        """Note a doubt about one mask, named so that its file is found."""
        self._found.setdefault(doubt, []).append(mask)

    def sentences(self) -> Iterator[str]:
        """One for each kind of doubt that was met, in the order of `Doubt`."""
        for doubt in Doubt:
            masks = self._found.get(doubt)
            if masks:
                counted = f"{len(masks)} masks, each of which" if len(masks) > 1 else "1 mask"
                yield f"{counted} {doubt}: {examples(masks)}"


def examples(names: list[str]) -> str:
    """The first few of many names, and how many more there are."""
    more = f" and {len(names) - EXAMPLES} more" if len(names) > EXAMPLES else ""
    return ", ".join(names[:EXAMPLES]) + more
