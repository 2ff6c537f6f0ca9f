"""Which categories of a published data set lie in a folder, and which are missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from csad.common.errors import DatasetError
from csad.config.line import NAME
from csad.images.layout import good_folders, list_test_images
from csad.reproduction.published import CATEGORIES

MVTEC_AD = (
    *("bottle", "cable", "capsule", "carpet", "grid", "hazelnut", "leather", "metal_nut", "pill", "screw", "tile"),
    *("toothbrush", "transistor", "wood", "zipper"),
)
VISA = (
    *("candle", "capsules", "cashew", "chewinggum", "fryum", "macaroni1", "macaroni2", "pcb1", "pcb2", "pcb3", "pcb4"),
    "pipe_fryum",
)
EXPECTED: Mapping[str, tuple[str, ...]] = {"loco": CATEGORIES, "mvtec-ad": MVTEC_AD, "visa": VISA, "folder": ()}
"""Categories of each data set; any folder in our layout has none that are expected."""


@dataclass(frozen=True)
class Category:
    """One product line of a data set.

    Attributes:
        name: Also the name of its line.
        folder: With train/good and test.
    """

    name: str
    folder: Path


@dataclass(frozen=True)
class DataSet:
    """What there is to measure.

    Attributes:
        kind: "loco", "mvtec-ad", "visa" or "folder".
        categories: Those that can be trained and tested.
        missing: What is not there or not whole: a sentence each.
    """

    kind: str
    categories: tuple[Category, ...]
    missing: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether every expected category is there, so that a mean can be held against a published one."""
        return not self.missing and len(self.categories) == len(EXPECTED[self.kind])


def find_data_set(kind: str, root: Path) -> DataSet:
    """Look for the categories of a data set.

    Args:
        kind: Key of `EXPECTED`.
        root: Folder of the data set; for "folder" one category or several.

    Raises:
        DatasetError: Not one category can be trained and tested.
    """
    names = EXPECTED[kind] or _names_in(root)
    found, missing = [], []
    for name, folder in ((name, root / name if name != "." else root) for name in names):
        reason = _what_is_missing(folder)
        if reason:
            missing.append(f"{name}: {reason}")
        else:
            found.append(Category(_line_name(folder.resolve().name), folder))
    if not found:
        listed = "; ".join(missing) or "there is no folder with train/good"
        raise DatasetError(
            f"{root} holds no category of {kind} ({listed}); expected <category>/train/good and <category>/test/<kind>"
        )
    return DataSet(kind, tuple(found), tuple(missing))


def _names_in(root: Path) -> tuple[str, ...]:
    if not root.is_dir():
        return ()
    if good_folders(root, "train"):
        return (".",)
    return tuple(sorted(path.name for path in root.iterdir() if path.is_dir() and good_folders(path, "train")))


def _what_is_missing(folder: Path) -> str:
    if not folder.is_dir():
        return "is not there"
    if not good_folders(folder, "train"):
        return "has no train/good"
    kinds = {image.kind for image in list_test_images(folder)}
    if "good" not in kinds:
        return "has no test/good"
    return "" if len(kinds) > 1 else "has no anomalous test images"


def _line_name(folder: str) -> str:
    """The folder's name as a line may be called.

    Raises:
        DatasetError: It cannot be made one.
    """
    name = folder.lower().replace(" ", "_")
    if not NAME.fullmatch(name):
        raise DatasetError(f"the folder {folder} cannot name a line; rename it to lower-case letters, digits, - and _")
    return name
