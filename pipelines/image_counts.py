"""How many images of each split a run will be of, without opening one."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from csad.common.errors import DatasetError
from csad.config.line import ProductLine
from csad.images.layout import GROUND_TRUTH, SPLITS, ground_truth_masks, list_images
from csad.images.reading import EXTENSIONS
from csad.runner.data_source import STORED, locate
from csad.store.data_source import exact_address
from csad.store.objects import ObjectStore
from csad.store.settings import StoreSettings
from csad.store.snapshots import StoredFile, read_files, resolve

TRAIN, VALIDATION, TEST = SPLITS


@dataclass(frozen=True)
class ImageCounts:
    """The images of a run.

    Attributes:
        train: Good images for training, with those that will be held out where there are none for validation.
        validation: Good images for calibration.
        test: Images for evaluation.
        megabytes: Size of all files.
    """

    train: int
    validation: int
    test: int
    megabytes: float

    @property
    def total(self) -> int:
        """All of them."""
        return self.train + self.validation + self.test


def count_images(line: ProductLine, data: str) -> ImageCounts:
    """Count what a folder or a version in the store holds.

    Args:
        line: Product line.
        data: store://LINE, store://LINE@DIGEST, or a folder.

    Raises:
        DatasetError: There are no good images.
        StoreError: The store is not set up, does not answer, or has no such data.
    """
    counts = _in_store(data) if data.startswith(STORED) else _in_folder(line, data)
    if not counts.train:
        raise DatasetError(f"{data} holds no good images to train with; expected images, or train/good with images")
    return counts


def _in_folder(line: ProductLine, data: str) -> ImageCounts:
    root = locate(data)
    images = list_images(root, line.images.validation_fraction)
    masks = [mask for image in images if image.split == TEST for mask in ground_truth_masks(root, image)]
    size = sum(path.stat().st_size for path in (*(image.path for image in images), *masks))
    return _counts((image.split for image in images), size)


def _in_store(address: str) -> ImageCounts:
    store = ObjectStore.connect(StoreSettings.from_environment())
    name, digest = exact_address(store, address).removeprefix(STORED).split("@")
    version = resolve(store, name, digest)
    files = read_files(store, version)
    return _counts(filter(None, map(_split, files)), version.bytes)


def _split(file: StoredFile) -> str | None:
    """The split of a stored image; None for other files. Images outside the splits' folders are a flat folder's."""
    path = Path(file.name)
    if path.suffix.lower() not in EXTENSIONS or path.parts[0] == GROUND_TRUTH:
        return None
    return path.parts[0] if len(path.parts) > 1 and path.parts[0] in SPLITS else TRAIN


def _counts(splits: Iterable[str], size: int) -> ImageCounts:
    found = Counter(splits)
    return ImageCounts(found[TRAIN], found[VALIDATION], found[TEST], size / 1e6)
