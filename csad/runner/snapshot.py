"""The data set as `ingest` left it: LOCO layout, every file checked, its digests on record."""

from collections import Counter
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from csad.common import atomic
from csad.common.errors import StageError
from csad.common.printable import printable
from csad.images import ImageFile, ImageProblem, ImageSet
from csad.images.layout import list_images
from csad.images.records import FittedCanvas
from csad.images.registered import FILE as REGISTRATION
from csad.images.registered import registration_digest

FILE = "snapshot.json"
TRAINING_SPLITS = ("train", "validation")


class SnapshotProblem(BaseModel):
    """A file that was left out, and why."""

    model_config = ConfigDict(frozen=True)

    path: str
    reason: str


class Snapshot(BaseModel):
    """`snapshot.json`.

    Attributes:
        digest: Over names and contents of all images, masks and the defects' configuration.
        training_digest: Over train and validation images alone.
        counts: Images per "split/kind".
        bytes: Size of all images together.
        training_bytes: Size of the train and validation images.
        problems: Files that were left out.
        groups: Group of near-equal images by the key of every good image.
        dependent: Names of validation images left out for being near-equal to training images.
        unusual: Why a good image looks like none of the others, by its key.
        registration: Digest of what brings the product to one pose; empty where the images are as they came.
        canvas: Where the product is in the training images, and the size that the networks see it at.
    """

    model_config = ConfigDict(frozen=True)

    digest: str
    training_digest: str
    counts: dict[str, int]
    bytes: int
    training_bytes: int = 0
    problems: tuple[SnapshotProblem, ...]
    groups: dict[str, int] = {}
    dependent: tuple[str, ...] = ()
    unusual: dict[str, str] = {}
    registration: str = ""
    canvas: FittedCanvas | None = None

    @classmethod
    def of(cls, images: ImageSet, canvas: FittedCanvas | None = None, registration: str = "") -> "Snapshot":
        """Describe a checked data set, its canvas and the digest of its registration."""
        files = all_images(images)
        return cls(
            registration=registration,
            digest=images.digest,
            training_digest=images.training_digest,
            counts=dict(Counter(f"{image.split}/{image.kind}" for image in files)),
            bytes=sum(images.contents[image.path].stamp.size for image in files),
            training_bytes=sum(images.contents[image.path].stamp.size for image in (*images.train, *images.validation)),
            problems=tuple(_relative(problem, images.root) for problem in images.problems),
            groups=dict(images.groups),
            dependent=tuple(image.stem for image in images.dependent),
            unusual=dict(images.unusual),
            canvas=canvas,
        )

    def of_training(self) -> "Snapshot":
        """What is known of the train and validation images alone: the same whatever the test images are."""

        def trains(name: str) -> bool:
            return name.split("/")[0] in TRAINING_SPLITS

        numbers: dict[int, int] = {}
        groups = {key: number for key, number in sorted(self.groups.items()) if trains(key)}
        return self.model_copy(
            update={
                "digest": self.training_digest,
                "counts": {name: count for name, count in self.counts.items() if trains(name)},
                "bytes": self.training_bytes,
                "problems": tuple(problem for problem in self.problems if trains(problem.path)),
                # Numbered anew: how many test images come before them must not show.
                "groups": {key: numbers.setdefault(number, len(numbers)) for key, number in groups.items()},
                "unusual": {key: why for key, why in self.unusual.items() if trains(key)},
            }
        )

    @classmethod
    def find(cls, folder: Path) -> "Snapshot | None":
        """Read the snapshot of a folder; None where `ingest` did not write one."""
        try:
            return cls.model_validate_json((folder / FILE).read_text(encoding="utf-8"))
        except (OSError, ValidationError, UnicodeDecodeError):
            return None

    def write(self, folder: Path) -> None:
        """Leave the snapshot in a folder."""
        atomic.write_text(folder / FILE, self.model_dump_json(indent=2) + "\n")


def open_snapshot(folder: Path) -> ImageSet:
    """List an ingested data set; its files were checked when it was made.

    Raises:
        StageError: `ingest` did not write this folder.
    """
    snapshot = Snapshot.find(folder)
    if snapshot is None:
        raise StageError(f"{folder} has no readable {FILE}; expected the output of the ingest stage, run it first")
    if registration_digest(folder) != snapshot.registration:
        raise StageError(f"{folder} lacks the {REGISTRATION} that its images were registered with; run ingest again")
    listed = list_images(folder, 0.5)
    return ImageSet(
        root=folder,
        train=tuple(image for image in listed if image.split == "train"),
        validation=tuple(image for image in listed if image.split == "validation"),
        test=tuple(image for image in listed if image.split == "test"),
        digest=snapshot.digest,
        training_digest=snapshot.training_digest,
        problems=tuple(ImageProblem(folder / problem.path, problem.reason) for problem in snapshot.problems),
        groups=snapshot.groups,
        unusual=snapshot.unusual,
        canvas=snapshot.canvas,
    )


def all_images(images: ImageSet) -> tuple[ImageFile, ...]:
    """Train, validation and test images in this order."""
    return (*images.train, *images.validation, *images.test)


def _relative(problem: ImageProblem, root: Path) -> SnapshotProblem:
    return SnapshotProblem(path=printable(problem.path.relative_to(root).as_posix()), reason=problem.reason)
