"""What lies among the images of a data set and is not looked at: files of other kinds, and folders below."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from csad.images.layout import good_folders, is_flat
from csad.images.reading import EXTENSIONS
from csad.images.records import GOOD
from csad.printable import printable

NO_EXTENSION = "without extension"


@dataclass(frozen=True)
class Ignored:
    """Counts of files, the most frequent first; hidden ones are nobody's images.

    Attributes:
        extensions: Files per extension, such as ".gif", of kinds that are not read.
        subfolders: Files per folder, relative to the data set, that lies where images are expected.
    """

    extensions: dict[str, int]
    subfolders: dict[str, int]

    def __str__(self) -> str:
        """Such as "43 files ignored: .gif 3, subfolder train/good/day2/ 40"; empty where there are none."""
        total = sum(self.extensions.values()) + sum(self.subfolders.values())
        parts = [f"{extension} {count}" for extension, count in self.extensions.items()]
        parts += [f"subfolder {name}/ {count}" for name, count in self.subfolders.items()]
        return f"{total} file{'' if total == 1 else 's'} ignored: {', '.join(parts)}" if total else ""


def find_ignored(root: Path) -> Ignored:
    """Look where `csad.images.layout.list_images` looks for images and count what it leaves out.

    Args:
        root: A data set in LOCO layout, or a flat folder.

    Raises:
        DatasetError: Two images share a stem.
    """
    extensions: Counter[str] = Counter()
    subfolders: Counter[str] = Counter()
    for folder in _folders_of_images(root):
        for path in _visible(folder):
            if path.is_dir():
                subfolders[printable(path.relative_to(root).as_posix())] += _files_below(path)
            elif path.suffix.lower() not in EXTENSIONS:
                extensions[printable(path.suffix.lower()) or NO_EXTENSION] += 1
    for split in ("train", "validation"):
        for path in _visible(root / split):
            if path.is_dir() and path.name.lower() != GOOD:
                subfolders[printable(path.relative_to(root).as_posix())] += _files_below(path)
    return Ignored(_by_count(extensions), _by_count(subfolders))


def _folders_of_images(root: Path) -> Iterator[Path]:
    """The folders whose files are the images: the root alone where it is a flat data set."""
    if is_flat(root):
        yield root
        return
    for split in ("train", "validation"):
        yield from good_folders(root, split)
    yield from (path for path in _visible(root / "test") if path.is_dir())


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else []


def _files_below(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*") if not path.name.startswith("."))


def _by_count(found: Counter[str]) -> dict[str, int]:
    return {name: count for name, count in found.most_common() if count}
