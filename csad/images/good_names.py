"""Folders of a data set that hold the right images under another name: `train/ok`, `val/good`, `masks`."""

import re
from collections.abc import Iterable
from pathlib import Path

from csad.images.records import GOOD

GOOD_WORDS = frozenset(
    {"good", "goods", "ok", "okay", "normal", "normals", "nominal", "io", "pass", "passed", "golden"}
)
DEFECT_WORDS = frozenset(
    {"anomalies", "anomalous", "anomaly", "bad", "defect", "defective", "defects", "fault", "faults", "faulty"}
)
NEGATIONS = frozenset({"no", "non", "not", "without"})
FILLING_WORDS = frozenset(
    {"data", "frames", "free", "image", "images", "img", "imgs", "only", "part", "parts", "photo", "photos"}
    | {"picture", "pictures", "product", "products", "sample", "samples", "set", "test", "train", "validation"}
)
"""Words that leave the meaning of a folder's name as it is."""

FOLDERS = {
    "train": frozenset({"train", "training", "trains", "trainset"}),
    "validation": frozenset({"validation", "valid", "val", "validate", "validations"}),
    "test": frozenset({"test", "testing", "tests", "testset"}),
    "ground_truth": frozenset({"ground_truth", "groundtruth", "ground-truth", "ground truth", "gt", "masks", "mask"}),
}


def words_of(name: str) -> list[str]:
    """The words of a folder's name in lower case, split at signs, digits and capitals inside."""
    parts = re.split(r"[\W_]+|(?<=[a-z])(?=[A-Z])|(?<=\D)(?=\d)|(?<=\d)(?=\D)", name)
    return [part.lower() for part in parts if part]


def means_good(name: str) -> bool:
    """Whether a folder's name says that its images are good: "OK", "good_images", "no_defect", "defect-free"."""
    words = {word for word in words_of(name) if not word.isdigit()}
    negated = bool(words & NEGATIONS) or "free" in words
    telling = words - FILLING_WORDS - NEGATIONS
    if not telling:
        return False
    return telling <= (DEFECT_WORDS if negated else GOOD_WORDS)


def misnamed_good(root: Path, split: str) -> list[Path]:
    """The folders of a split whose name means good and is another."""
    return [path for path in _folders(root / split) if path.name.lower() != GOOD and means_good(path.name)]


def naming_hints(
    root: Path, splits: Iterable[str] = ("train", "validation", "test"), folders: Iterable[str] = tuple(FOLDERS)
) -> list[str]:
    """Say which folders of a data set are not what their names mean, and how to name them; empty where all is well.

    Args:
        root: Folder of the data set.
        splits: Whose folders of good images are looked at.
        folders: Which of `FOLDERS` are looked for under another name.
    """
    hints = [hint for name in folders if (hint := _hint_of_folder(root, name))]
    for split in splits:
        taken = "is measured as a kind of anomaly" if split == "test" else "is not looked at"
        hints += [
            f"{split}/{path.name} {taken}, and its name means good images: rename it to {split}/{GOOD}, or move its "
            f"images there"
            for path in misnamed_good(root, split)
        ]
    return hints


def hints_in_brackets(root: Path) -> str:
    """The hints as the end of a message, such as " (train/ok ...)"; empty where there are none."""
    hints = naming_hints(root)
    return f" ({'; '.join(hints)})" if hints else ""


def _hint_of_folder(root: Path, name: str) -> str:
    others = [path.name for path in _folders(root) if path.name.lower() in FOLDERS[name]]
    if not others or name in others:
        return ""
    return f"{', '.join(others)} is not looked at: rename it to {name} if that is what it holds"


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
