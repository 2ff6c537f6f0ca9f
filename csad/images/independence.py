"""Which good images may train and which may calibrate, once near-equal ones are known.

A threshold that is set on near-equal copies of training images rejects every other product, so a group of near-equal
images falls on one side of the split as a whole.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from csad.common.printable import printable
from csad.images.layout import has_validation_folder, hold_out
from csad.images.near_equal import group_near_equal, nearest_in, nearest_others
from csad.images.records import ImageFile, ImageSet
from csad.images.thumbnail import Thumbnail
from csad.images.unusual import find_unusual

NAMED = 5
"""Images or groups that a sentence names."""

NEAR_TRAINING = 0.6
"""Nearness of validation to training below which the user is warned; on six real lines it is 0.85 to 1.03."""

TOO_NEAR = 0.3
"""Nearness below which nothing trains."""

FEWEST_COMPARED = 5
"""Training and validation images at least that show a nearness."""

Seen = tuple[ImageFile, Thumbnail, str]


@dataclass(frozen=True)
class Independence:
    """The good images in their splits.

    Attributes:
        train: Images that train.
        validation: Images that calibrate; none is near-equal to one that trains.
        dependent: Images of validation/good that are near-equal to one that trains.
        groups: Number of the group of near-equal images by key; test images are among them.
        unusual: Why an image of train or validation looks like none of the others, by key.
        nearness: See `ImageSet`.
        held_out: Whether validation was held out here.
    """

    train: tuple[ImageFile, ...]
    validation: tuple[ImageFile, ...]
    dependent: tuple[ImageFile, ...]
    groups: dict[str, int]
    unusual: dict[str, str]
    nearness: float | None = None
    held_out: bool = False


def judge_independence(root: Path, good: Sequence[Seen], fraction: float) -> Independence:
    """Put groups of near-equal good images on one side of the split.

    Args:
        root: Folder of the data set.
        good: All good images with their thumbnails and content digests.
        fraction: Fraction of the images that are held out where the data have no validation/good.
    """
    if not good:
        return Independence((), (), (), {}, {})
    files = [file for file, _, _ in good]
    thumbnails = np.stack([small.pixels for _, small, _ in good])
    labels = group_near_equal(thumbnails, [digest for _, _, digest in good])
    group_of = dict(zip(files, map(int, labels), strict=True))
    usable = [file for file in files if file.split != "test"]
    dependent: list[ImageFile] = []
    if has_validation_folder(root):
        train = [file for file in usable if file.split == "train"]
        taken = {group_of[file] for file in train}
        dependent = [file for file in usable if file.split == "validation" and group_of[file] in taken]
        validation = [file for file in usable if file.split == "validation" and group_of[file] not in taken]
    else:
        one_folder = sorted((replace(file, split="train") for file in usable), key=lambda file: file.stem)
        by_stem = {file.stem: group_of[file] for file in usable}
        train, validation = hold_out(one_folder, fraction, by_stem) if usable else ([], [])
    placed = {file.path: file for file in (*train, *validation)}
    rows = {file.path: row for row, file in enumerate(files)}
    indices = [index for index, file in enumerate(files) if file.split != "test"]
    reasons = find_unusual([good[index][1] for index in indices], labels[indices])
    return Independence(
        train=tuple(train),
        validation=tuple(validation),
        dependent=tuple(dependent),
        groups={placed.get(file.path, file).key: group_of[file] for file in files if file not in dependent},
        unusual={
            placed[files[indices[index]].path].key: reason
            for index, reason in reasons.items()
            if files[indices[index]].path in placed
        },
        nearness=_nearness(
            thumbnails, labels, [rows[file.path] for file in train], [rows[file.path] for file in validation]
        ),
        held_out=bool(usable) and not has_validation_folder(root),
    )


def _nearness(
    thumbnails: NDArray[np.uint8], groups: NDArray[np.int64], train: Sequence[int], validation: Sequence[int]
) -> float | None:
    """Median difference of validation images to training images as a multiple of that between training images."""
    if min(len(train), len(validation)) < FEWEST_COMPARED:
        return None
    among = np.median(nearest_others(thumbnails[train], groups[train]))
    across = np.median(nearest_in(thumbnails[validation], thumbnails[train]))
    return float(across / among) if 0 < among < np.inf else None


def describe(images: ImageSet) -> Iterator[str]:
    """Sentences on near-equal, dependent, excluded and unusual good images; none where all are as expected."""
    members = Counter(images.groups.values())
    repeated = [group for group, count in members.items() if count > 1]
    if repeated:
        names: dict[int, list[str]] = {}
        for key, group in images.groups.items():
            names.setdefault(group, []).append(key.rpartition("/")[2])
        shown = "; ".join(_first_names(sorted(names[group]), 3) for group in repeated[:NAMED])
        more = f"; and {len(repeated) - NAMED} more" if len(repeated) > NAMED else ""
        yield (
            f"{sum(members[group] for group in repeated)} good images are near-equal to others, in "
            f"{len(repeated)} groups ({shown}{more}): {len(members)} products in {len(images.groups)} images; "
            "a group trains or calibrates as a whole"
        )
    if images.dependent:
        yield (
            f"{len(images.dependent)} validation images are near-equal to training images and set no threshold: "
            f"{name_some([image.stem for image in images.dependent])}"
        )
    if images.nearness is not None and images.nearness < NEAR_TRAINING:
        yield (
            f"validation images are {images.nearness:.2f} times as far from training images as these are from each "
            "other, expected 1: where they show the same products, the threshold rejects others"
        )
    if images.unusual:
        shown = "; ".join(f"{printable(key)} ({reason})" for key, reason in list(images.unusual.items())[:NAMED])
        more = f"; and {len(images.unusual) - NAMED} more" if len(images.unusual) > NAMED else ""
        yield (
            f"{len(images.unusual)} good images look like none of the others: {shown}{more}; remove what is not a good "
            "product, or name it in images.exclude"
        )


def name_some(stems: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    return _first_names(stems, NAMED)


def _first_names(stems: Iterable[str], count: int) -> str:
    names = [printable(stem) for stem in stems]
    more = f" and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(names[:count]) + more
