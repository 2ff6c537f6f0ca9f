"""Which files make up a data set.

LOCO layout, or a flat folder of good images:

    data/train/good/*.png              data/*.png
    data/validation/good/*.png
    data/test/<kind>/*.png
    data/ground_truth/<kind>/<stem>/*.png
    data/defects_config.json

Images in subfolders (days, cameras) of any of these folders belong to it, and their stem names the subfolder:
`day1/003.png` is `day1__003`. `csad.images.walking` has the rule for files; among good images, folders that are not
good by their name are left out.

Without validation images a fraction of the good ones is held out. The hash of its stem decides for each image, that of
the first stem for a group of near-equal ones, so a new image joins one side and leaves all others where they are.
"""

import hashlib
import logging
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from csad.common.errors import DatasetError
from csad.images.good_names import hints_in_brackets
from csad.images.records import GOOD, ImageFile
from csad.images.walking import IMAGE_ENDINGS, say_ignored, walk

MINIMUM_TRAIN = 2
LEAST_VALIDATION = 5
"""Fewer show no scale of scores; so many are held out where twice as many are left to train."""

SPLITS = ("train", "validation", "test")
GROUND_TRUTH = "ground_truth"
NOT_GOOD = frozenset(
    {
        "bad",
        "broken",
        "defect",
        "defective",
        "defects",
        "anomalies",
        "anomalous",
        "anomaly",
        "fault",
        "faults",
        "faulty",
    }
    | {"mask", "masks", "ng", "nio", "nok", "not", "reject", "rejected", "rejects", "scrap"}
)
"""A folder with one of these words in its name holds no good images."""

BETWEEN_FOLDERS = "__"
"""Stands for "/" in the stem of an image in a subfolder: a stem is a file's name in all later stages."""

_log = logging.getLogger(__name__)


def list_images(root: Path, validation_fraction: float) -> tuple[ImageFile, ...]:
    """List a data set's images, sorted by split, kind and stem, without opening them.

    Raises:
        DatasetError: The folder is missing or holds no good images, or two files share a stem.
    """
    if not root.is_dir():
        found = "is not a folder" if root.exists() else "does not exist"
        raise DatasetError(f"the data folder {root} {found}; expected a folder with images or with train/good")
    train = _good(root, "train")
    validation = _good(root, "validation")
    test = list_test_images(root)
    if not (train or validation or test):
        train = _folder(root, "train", GOOD, root)
    if not (train or validation or test):
        raise DatasetError(_nothing_found(root))
    if train and not validation:
        train, validation = hold_out(train, validation_fraction)
    return (*train, *validation, *test)


def is_flat(root: Path) -> bool:
    """Whether no image of a data set lies in train, validation or test, so that all below its folder are meant.

    Raises:
        DatasetError: Two files share a stem.
    """
    return not (_good(root, "train") or _good(root, "validation") or list_test_images(root))


def ground_truth_masks(root: Path, image: ImageFile) -> list[Path]:
    """Return the mask files of one test image, one per defect, sorted by name.

    ground_truth/<kind>/<stem>/000.png (MVTec LOCO), ground_truth/<kind>/<stem>_mask.png (MVTec AD) and
    ground_truth/<kind>/<stem>.png (VisA) are found, in this order; those of an image in a subfolder lie in a subfolder
    of the same name.
    """
    kind = root / image.split / image.kind
    below = image.path.parent.relative_to(kind) if image.path.is_relative_to(kind) else Path()
    folder = root / GROUND_TRUTH / image.kind / below
    alone = [folder / f"{image.path.stem}{ending}.png" for ending in ("_mask", "")]
    masks = [path for path in _entries(folder / image.path.stem) if path.suffix.lower() == ".png"]
    return masks or [path for path in alone if path.is_file()][:1]


def _good(root: Path, split: str) -> list[ImageFile]:
    return [image for folder in good_folders(root, split) for image in _folder(folder, split, GOOD, root)]


def list_test_images(root: Path) -> list[ImageFile]:
    """The images that evaluate, sorted by kind and stem.

    Raises:
        DatasetError: Two files share a stem.
    """
    kinds = [path for path in _entries(root / "test") if path.is_dir() and path.name.lower() != GOOD]
    anomalous = [image for kind in kinds for image in _folder(kind, "test", kind.name, root)]
    return sorted([*_good(root, "test"), *anomalous], key=lambda image: (image.kind, image.stem))


def good_folders(root: Path, split: str) -> list[Path]:
    """The folder of a split's good images; `Good` and `GOOD` are good, too. None, or one.

    Raises:
        DatasetError: There are several.
    """
    found = [path for path in _entries(root / split) if path.is_dir() and path.name.lower() == GOOD]
    if len(found) > 1:
        raise DatasetError(
            f"{root / split} has the folders {' and '.join(path.name for path in found)}, expected one of good images; "
            f"move all into {GOOD}"
        )
    return found


def holds_no_good_images(folder: Path) -> bool:
    """Whether a folder among good images says by its name that it holds others, or is a part of another data set."""
    name = folder.name.lower()
    return name in (*SPLITS, GROUND_TRUTH) or not NOT_GOOD.isdisjoint(re.split(r"[^a-z]+", name))


def is_ground_truth(folder: Path) -> bool:
    """Whether a folder holds the masks of a data set, which are pictures and no images."""
    return folder.name == GROUND_TRUTH and any((folder.parent / split).is_dir() for split in SPLITS)


def _folder(folder: Path, split: str, kind: str, root: Path) -> list[ImageFile]:
    found = walk(folder, root, holds_no_good_images) if kind == GOOD else walk(folder, root)
    files: dict[str, ImageFile] = {}
    for path in found.images:
        inside = path.relative_to(folder)
        stem = unicodedata.normalize("NFC", BETWEEN_FOLDERS.join((*inside.parent.parts, inside.stem)))
        if stem in files:
            other = files[stem].path.relative_to(folder)
            same = other.parent == inside.parent
            raise DatasetError(
                f"{other} and {inside} in {folder} "
                f"{'have the same name but for the extension' if same else f'would both be called {stem}'}; "
                "results are filed by that name, rename or remove one"
            )
        files[stem] = ImageFile(stem, path, split, kind)
    return [files[stem] for stem in sorted(files)]


def _entries(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def hold_out(
    good: Sequence[ImageFile], fraction: float, groups: Mapping[str, int] | None = None
) -> tuple[list[ImageFile], list[ImageFile]]:
    """Split by hashes; small sets get MINIMUM_TRAIN to train, then up to LEAST_VALIDATION to validate.

    Args:
        good: Good images of one folder.
        fraction: Fraction of the images that validate.
        groups: Group of near-equal images by stem, counted and held out as one; each image is one without it.
    """
    members: dict[int | str, list[str]] = {}
    for image in good:
        members.setdefault(image.stem if groups is None else groups[image.stem], []).append(image.stem)
    by_hash = sorted(members.values(), key=lambda stems: _hash(min(stems)))
    count = sum(_hash(min(stems)) < fraction for stems in by_hash)
    least = min(LEAST_VALIDATION, len(by_hash) // 3)
    count = max(min(count, len(by_hash) - MINIMUM_TRAIN), least)
    held_out = {stem for stems in by_hash[:count] for stem in stems}
    train = [image for image in good if image.stem not in held_out]
    validation = [replace(image, split="validation") for image in good if image.stem in held_out]
    return train, validation


def has_validation_folder(root: Path) -> bool:
    """Whether the data set's validation images are those of its own folder, not held out by `hold_out`."""
    return bool(_good(root, "validation"))


def _hash(stem: str) -> float:
    """Map a stem evenly to [0, 1)."""
    return int.from_bytes(hashlib.sha256(stem.encode(errors="surrogateescape")).digest()[:6]) / 2**48


def _nothing_found(root: Path) -> str:
    names = [f"{path.name}/" if path.is_dir() else path.name for path in _entries(root)]
    found = f"it holds {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}" if names else "it is empty"
    ignored = say_ignored(walk(root, leave_out=holds_no_good_images).ignored)
    return (
        f"no images in {root}: {found}{f' ({ignored})' if ignored else ''}; expected images ({IMAGE_ENDINGS}) inside, "
        f"or in train/good, validation/good and test/<kind>{hints_in_brackets(root)}"
    )
