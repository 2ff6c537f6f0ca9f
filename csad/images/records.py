"""What the rest of csad knows about a data set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from csad.common.file_stamp import SeenFile
from csad.common.printable import printable

GOOD = "good"


@dataclass(frozen=True)
class ImageFile:
    """One image of a data set.

    Attributes:
        stem: File name without extension, after the names of the subfolders that it lies in: "day1__003".
            Unique within its split and kind.
        path: Where the file lies.
        split: "train", "validation" or "test".
        kind: "good", or the type of anomaly: "logical_anomalies", "structural_anomalies", ...
    """

    stem: str
    path: Path
    split: str
    kind: str

    @property
    def key(self) -> str:
        """Identity within the data set, such as "train/good/000"."""
        return f"{self.split}/{self.kind}/{self.stem}"


@dataclass(frozen=True)
class ImageProblem:
    """A file that cannot be used, and why."""

    path: Path
    reason: str

    def __str__(self) -> str:
        """For people and files of text, whatever the bytes of the name."""
        return f"{printable(self.path)}: {self.reason}"


@dataclass(frozen=True)
class FittedCanvas:
    """The canvas that the training images were found to need; see `csad.imaging.canvas.Canvas`.

    Attributes:
        box: Left, top, right, bottom as fractions of the image's width and height.
        height: In pixels.
        width: In pixels.
        settings: Digest of the line's section `images` that it was fitted for.
    """

    box: tuple[float, float, float, float]
    height: int
    width: int
    settings: str


@dataclass(frozen=True)
class ImageSet:
    """The usable images of a data set, each split sorted by kind and stem.

    Attributes:
        root: Folder of the data set.
        train: Good images that train.
        validation: Good images that calibrate.
        test: Good and anomalous images that evaluate; nothing is chosen by them.
        digest: SHA-256 over names and contents of all usable images, masks and the defects' configuration.
        problems: Files that were left out.
        training_digest: The same over train and validation alone: what training depends on.
        contents: Every image, mask and configuration that `digest` covers, as it was when it was read; empty where
            nobody else writes to the files.
        groups: Number of the group of near-equal images by the key of every good image, such as "train/good/000".
        dependent: Images of validation/good that are near-equal to training images and were therefore left out.
        unusual: Why a good image of train or validation looks like none of the others, by its key.
        excluded: Stems of good images that the product line leaves out.
        nearness: Median difference of validation images to the nearest training image, as a multiple of that between
            training images; None where too few images show it.
        canvas: Canvas as `ingest` fitted it; None where nobody did yet.
    """

    root: Path
    train: tuple[ImageFile, ...]
    validation: tuple[ImageFile, ...]
    test: tuple[ImageFile, ...]
    digest: str
    problems: tuple[ImageProblem, ...] = ()
    training_digest: str = ""
    contents: Mapping[Path, SeenFile] = field(default_factory=dict, hash=False, repr=False)
    groups: Mapping[str, int] = field(default_factory=dict)
    dependent: tuple[ImageFile, ...] = ()
    unusual: Mapping[str, str] = field(default_factory=dict)
    excluded: tuple[str, ...] = ()
    nearness: float | None = None
    canvas: FittedCanvas | None = None

    def groups_of(self, files: Sequence[ImageFile]) -> list[int]:
        """Group of near-equal images of each good image; without a record one of its own."""
        return [self.groups.get(file.key, -2 - index) for index, file in enumerate(files)]

    @property
    def independent_test(self) -> tuple[ImageFile, ...]:
        """Good test images that are near-equal to no image that trains or calibrates."""
        used = {self.groups.get(file.key) for file in (*self.train, *self.validation)} - {None}
        return tuple(file for file in self.test if file.kind == GOOD and self.groups.get(file.key) not in used)
