"""Stage `ingest`: check every image and fix the data set that all later stages see."""

from dataclasses import dataclass, replace
from pathlib import Path

from csad.common.humanize import plural, size
from csad.config.line import ProductLine
from csad.images import ImageSet, ground_truth_masks, scan
from csad.images.registered import find_registration, register_images, registration_digest
from csad.images.training_images import fit_line_canvas, sample_images
from csad.runner.checked_copy import copy_checked, require_all
from csad.runner.files import translate_os_errors
from csad.runner.snapshot import Snapshot, all_images
from csad.runner.stage import Stage
from csad.runner.summary import Summary

CONFIG = "defects_config.json"


@dataclass(frozen=True)
class IngestSummary(Summary):
    """What was taken in.

    Attributes:
        train: Good images that train.
        validation: Good images that calibrate.
        test: Images that evaluate.
        problems: Files that were left out.
        megabytes: Size of all images.
        digest: Digest of the whole data set.
        training_digest: Digest of train and validation images.
        near_equal: Good images that are near-equal to an earlier one.
        dependent: Validation images left out for being near-equal to training images.
        unusual: Good images that look like none of the others.
        excluded: Good images that the line leaves out.
        registered: Good images that were brought to one pose.
    """

    train: int
    validation: int
    test: int
    problems: int
    megabytes: float
    digest: str
    training_digest: str
    near_equal: int = 0
    dependent: int = 0
    unusual: int = 0
    excluded: int = 0
    registered: int = 0

    def headline(self) -> str:
        """One line for people."""
        left_out = f", {plural(self.problems, 'file')} left out" if self.problems else ""
        for count, what in (
            (self.dependent, "near-equal to training images left out of validation"),
            (self.near_equal, "near-equal to another"),
            (self.unusual, "like none of the others"),
            (self.excluded, "excluded by the line"),
            (self.registered, "brought to one pose"),
        ):
            left_out += f", {plural(count, 'good image')} {what}" if count else ""
        return (
            f"{self.train} train, {self.validation} validation and {self.test} test images, "
            f"{size(1e6 * self.megabytes)}, digest {self.digest[:12]}{left_out}"
        )


def run(line: ProductLine, data: Path, output: Path) -> IngestSummary:
    """Write the usable images in LOCO layout, their original bytes unchanged, and where on them the product is.

    Where products are shifted or lie at any angle, the train and validation images are brought to one pose; test images
    stay, for the scorer brings them to that pose itself.

    The copies share nothing with the user's files and are compared with what the check read: the digests in
    `snapshot.json` are those of the files that were read, whatever is written to `data` meanwhile.

    Args:
        line: Product line; `line.images` says what is accepted.
        data: LOCO layout or a flat folder of good images.
        output: Folder for train, validation, test, ground_truth, defects_config.json and snapshot.json.

    Raises:
        DatasetError: The data cannot train a line, or changed meanwhile; the message names the files.
        StageError: The output cannot be written.
    """
    images = scan(data, line)
    places = _places(images)
    with translate_os_errors(output):
        for source, target in places.items():
            copy_checked(source, output / target, images.contents)
        # Of the copies, which nobody else writes to.
        good = [replace(image, path=output / places[image.path]) for image in (*images.train, *images.validation)]
        sample = sample_images(line, good[: len(images.train)])
        registration = find_registration(line, sample)
        if registration:
            register_images(line, registration, output, good)
            sample = sample.registered(registration)
        snapshot = Snapshot.of(images, fit_line_canvas(line, sample), registration_digest(output))
        snapshot.write(output)
    return IngestSummary(
        train=len(images.train),
        validation=len(images.validation),
        test=len(images.test),
        problems=len(images.problems),
        megabytes=round(snapshot.bytes / 1e6, 3),
        digest=images.digest,
        training_digest=images.training_digest,
        near_equal=len(images.groups) - len(set(images.groups.values())),
        dependent=len(images.dependent),
        unusual=len(images.unusual),
        excluded=len(images.excluded),
        registered=len(good) if registration else 0,
    )


def _places(images: ImageSet) -> dict[Path, str]:
    """Where each file goes, relative to the output."""
    places = {
        image.path: f"{image.split}/{image.kind}/{image.stem}{image.path.suffix.lower()}"
        for image in all_images(images)
    }
    for image in images.test:
        for number, mask in enumerate(ground_truth_masks(images.root, image)):
            name = mask.name if mask.parent.name == image.path.stem else f"{number:03d}.png"
            places[mask] = f"ground_truth/{image.kind}/{image.stem}/{name}"
    if (images.root / CONFIG).is_file():
        places[images.root / CONFIG] = CONFIG
    require_all(places, images.contents)
    return places


STAGE = Stage(name="ingest", run=run, summary=IngestSummary, sections=("images",), reads_raw=True)
