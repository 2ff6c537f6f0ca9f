"""What lies in a data set and is not looked at, counted by reason."""

import logging
from collections import Counter
from pathlib import Path

from csad.common.printable import printable
from csad.images.layout import (
    GROUND_TRUTH,
    SPLITS,
    ground_truth_masks,
    holds_no_good_images,
    is_flat,
    list_test_images,
)
from csad.images.reading import EXTENSIONS
from csad.images.records import GOOD
from csad.images.walking import files_below, say_ignored, take_all, walk

_log = logging.getLogger(__name__)


def find_ignored(root: Path) -> Counter[str]:
    """Look where `csad.images.layout.list_images` looks for images and count what it leaves out.

    Args:
        root: A data set in LOCO layout, or a flat folder.

    Returns:
        Files per reason, such as ".gif" or "subfolder train/bad/"; hidden files are nobody's images.

    Raises:
        DatasetError: Two images share a stem, or a folder cannot be listed.
    """
    if is_flat(root):
        return walk(root, leave_out=holds_no_good_images).ignored
    ignored = _beside_the_splits(root)
    for split in SPLITS:
        for path in _visible(root / split):
            if path.is_dir():
                good = path.name.lower() == GOOD
                if good or split == "test":
                    ignored += walk(path, root, holds_no_good_images if good else take_all).ignored
                else:
                    ignored[f"subfolder {_name(path, root)}/"] += files_below(path)
            elif path.suffix.lower() in EXTENSIONS:
                ignored[f"directly in {split}/"] += 1
    ignored["in ground_truth/ of no test image"] += len(_masks_of_nothing(root))
    return +ignored


def tell_ignored(root: Path) -> None:
    """Log one line with counts where files of a data set are left out.

    Raises:
        DatasetError: Same as for `find_ignored`.
    """
    if told := say_ignored(find_ignored(root)):
        _log.warning("%s: %s", printable(root), told)


def _beside_the_splits(root: Path) -> Counter[str]:
    """Images of a data set in LOCO layout that lie in none of its folders."""
    ignored: Counter[str] = Counter()
    layout = {root / name for name in (*SPLITS, GROUND_TRUTH)}
    for path in walk(root, leave_out=layout.__contains__).images:
        first, *below = path.relative_to(root).parts
        ignored[f"subfolder {printable(first)}/" if below else "beside train/, validation/ and test/"] += 1
    return ignored


def _masks_of_nothing(root: Path) -> set[Path]:
    files = {file for file in (root / GROUND_TRUTH).rglob("*") if file.is_file() and not file.name.startswith(".")}
    return files - {mask for image in list_test_images(root) for mask in ground_truth_masks(root, image)}


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else []


def _name(path: Path, root: Path) -> str:
    return printable(path.relative_to(root).as_posix())
