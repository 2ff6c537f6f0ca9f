"""Which files of a folder are images: the one rule for every command and stage.

- A file is an image by its ending; a name that begins with a dot belongs to nobody.
- Folders below are walked, linked ones too, up to MAXIMUM_DEPTH levels. What a link leads to is read once, even where
  it lies in the same folder under its own name; a link back to a folder above is not followed.
- Everything else is counted with its reason.
"""

import os
from collections import Counter, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from csad.common.errors import DatasetError
from csad.common.humanize import plural
from csad.common.printable import printable
from csad.config.settings import MAXIMUM_DEPTH
from csad.images.reading import EXTENSIONS

NO_EXTENSION = "without extension"
IMAGE_ENDINGS = " ".join(sorted(extension.removeprefix(".") for extension in EXTENSIONS))


@dataclass(frozen=True)
class Walk:
    """What a folder holds.

    Attributes:
        images: Sorted; by the names under which they lie, not where links lead to.
        ignored: Files that are left out, per reason: ".gif", "link cam2/ back to a folder above", ...
        places: Where the walked folders really are: the folder itself, then what its links lead to.
    """

    images: tuple[Path, ...]
    ignored: Counter[str]
    places: tuple[Path, ...]


def take_all(_: Path) -> bool:
    """Leave out no folder."""
    return False


def refuse_unlisted(error: OSError) -> None:
    """Stop at a folder that cannot be listed: what it holds would be left out silently.

    Raises:
        DatasetError: Always.
    """
    raise DatasetError(
        f"{printable(error.filename)} cannot be listed: {error.strerror or error}; "
        "change its permissions, or move it out"
    ) from error


def walk(
    folder: Path,
    root: Path | None = None,
    leave_out: Callable[[Path], bool] = take_all,
    own: Collection[Path] = (),
    unlisted: Callable[[OSError], None] = refuse_unlisted,
) -> Walk:
    """List the images of a folder and of those below it, without opening them.

    Args:
        folder: Folder.
        root: Folder of the whole data set: reasons name what lies below it, and levels are counted from it.
        leave_out: Which folders inside are not walked; their files are counted.
        own: Files that the command itself writes; they are not counted.
        unlisted: Told of every folder that cannot be listed.

    Raises:
        DatasetError: A folder cannot be listed, where `unlisted` is not given.
    """
    return _Walker(folder, root or folder, leave_out, own, unlisted).walk()


def files_below(folder: Path) -> int:
    """Count the files of a folder and of those below it, hidden ones and linked folders excepted."""
    return sum(sum(not name.startswith(".") for name in names) for _, _, names in os.walk(folder))


def say_ignored(ignored: Counter[str]) -> str:
    """Such as "43 files ignored: .gif 3, subfolder train/bad/ 40", endings first; empty where there are none."""
    total = ignored.total()
    ordered = sorted(ignored.most_common(), key=lambda item: not item[0].startswith((".", NO_EXTENSION)))
    parts = ", ".join(f"{reason} {count}" for reason, count in ordered if count)
    return f"{plural(total, 'file')} ignored: {parts}" if total else ""


class _Walker:
    def __init__(
        self,
        folder: Path,
        root: Path,
        leave_out: Callable[[Path], bool],
        own: Collection[Path],
        unlisted: Callable[[OSError], None],
    ) -> None:
        self._folder, self._root = folder, root
        self._leave_out, self._unlisted = leave_out, unlisted
        self._own = {path.resolve() for path in own}
        self._images: list[Path] = []
        self._ignored: Counter[str] = Counter()
        self._places = [folder.resolve()]
        self._seen: set[tuple[int, int]] = set()
        self._folders, self._links = deque([folder]), deque[Path]()

    def walk(self) -> Walk:
        # Links come last: a folder that is also linked is read under its own name.
        while self._folders or self._links:
            if self._folders:
                self._list(self._folders.popleft())
            else:
                self._follow(self._links.popleft())
        return Walk(tuple(sorted(self._images)), self._ignored, tuple(self._places))

    def _follow(self, link: Path) -> None:
        target = link.resolve()
        if link.parent.resolve().is_relative_to(target):
            self._ignored[f"link {self._name(link)}/ back to a folder above"] += 1
        elif self._list(link):
            self._places.append(target)
        else:
            self._ignored[f"link {self._name(link)}/ to a folder that is read already"] += 1

    def _list(self, folder: Path) -> bool:
        """Sort out what lies in a folder; False where it was read already."""
        try:
            status = folder.stat()
            identity = (status.st_dev, status.st_ino)
            if identity in self._seen:
                return False
            self._seen.add(identity)
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except NotADirectoryError:
            return True
        except OSError as error:
            # A folder inside that is gone was moved away; the walked one should be there.
            if folder == self._folder or not isinstance(error, FileNotFoundError):
                self._unlisted(error)
            return True
        for entry in entries:
            if not entry.name.startswith("."):
                self._take(folder / entry.name, entry)
        return True

    def _take(self, path: Path, entry: os.DirEntry[str]) -> None:
        if _is_folder(entry):
            if self._leave_out(path):
                self._ignored[f"subfolder {self._name(path)}/"] += files_below(path)
            elif len(path.relative_to(self._root).parts) > MAXIMUM_DEPTH:
                self._ignored[f"subfolder {self._name(path)}/ below level {MAXIMUM_DEPTH}"] += files_below(path)
            else:
                (self._links if entry.is_symlink() else self._folders).append(path)
        elif path.suffix.lower() in EXTENSIONS:
            self._images.append(path)
        elif entry.is_symlink() and not path.exists():
            self._ignored[f"link {self._name(path)} to nothing"] += 1
        elif not (self._own and path.resolve() in self._own):
            self._ignored[printable(path.suffix.lower()) or NO_EXTENSION] += 1

    def _name(self, path: Path) -> str:
        return printable(path.relative_to(self._root).as_posix())


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # links in a circle
        return False
