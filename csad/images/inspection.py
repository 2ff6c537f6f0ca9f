"""The check of every file before anything trains on it, and the digest of what was found."""

import logging
import os
import unicodedata
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from csad.common.errors import DatasetError, ImageError
from csad.common.file_stamp import FileStamp, SeenFile
from csad.common.hashing import files_sha256, stream_sha256
from csad.common.printable import printable
from csad.common.progress import track
from csad.config.line import ProductLine
from csad.images.good_names import hints_in_brackets, naming_hints
from csad.images.ignored import tell_ignored
from csad.images.independence import TOO_NEAR, Independence, describe, judge_independence, name_some
from csad.images.layout import LEAST_VALIDATION, MINIMUM_TRAIN, ground_truth_masks, list_images
from csad.images.reading import SIXTEEN_BIT_MODES, load, open_image, to_rgb
from csad.images.records import GOOD, ImageFile, ImageProblem, ImageSet
from csad.images.thumbnail import Thumbnail

LISTED_PROBLEMS = 20
LEAST_PRODUCTS = 20
"""Different products behind a set of good images that looks larger than it is."""

WORKERS = 4

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FileFormat:
    """How one image is stored.

    Attributes:
        width: Pixels, upright.
        height: Pixels, upright.
        mode: Pillow's mode: "RGB", "L", "I;16", ...
        seen: The file as it was read.
        brightest: Largest RGB value, 0..255.
        thumbnail: A small picture of it.
    """

    width: int
    height: int
    mode: str
    seen: SeenFile
    brightest: int
    thumbnail: Thumbnail = field(compare=False, repr=False)

    @property
    def sha256(self) -> str:
        """Digest of the file's bytes."""
        return self.seen.sha256


@dataclass(frozen=True)
class Inspection:
    """All that a look at every file tells.

    Attributes:
        images: The usable images and the problems.
        formats: One per usable image, in the order train, validation, test.
    """

    images: ImageSet
    formats: tuple[FileFormat, ...]

    @property
    def bad_fraction(self) -> float:
        """Unusable files as a fraction of all."""
        bad = len(self.images.problems)
        return bad / max(bad + len(self.formats), 1)

    def obstacle_to_training(self, line: ProductLine) -> str | None:
        """Say why this data cannot train a line, or None when it can."""
        images = self.images
        if self.bad_fraction > line.images.max_bad_fraction:
            return _too_many_problems(self, line)
        unknown = sorted(set(line.images.exclude) - set(images.excluded))
        if unknown:
            return (
                f"images.exclude of the product line names {len(unknown)} good images that {images.root} "
                f"does not have: {name_some(unknown)}; correct the names (without extension) or remove them"
            )
        if images.dependent and len({images.groups[image.key] for image in images.validation}) < LEAST_VALIDATION:
            return (
                f"{len(images.dependent)} of {len(images.dependent) + len(images.validation)} images of "
                f"{images.root / 'validation'} are near-equal to training images "
                f"({name_some([image.stem for image in images.dependent])}), which leaves "
                f"{len(images.validation)} independent ones; expected at least {LEAST_VALIDATION}: put images of other "
                "products there, or remove the folder and let a part of train/good be held out"
            )
        if images.nearness is not None and images.nearness < TOO_NEAR:
            return (
                f"the validation images of {images.root} are {images.nearness:.2f} times as far from the training "
                f"images as these are from each other, expected 1 and at least {TOO_NEAR:g}: the products are the same "
                "and a threshold set on them rejects others; put images of other products there"
            )
        good = len(images.train) + len(images.validation)
        different = len({images.groups[image.key] for image in (*images.train, *images.validation)})
        too_few = len(images.train) < MINIMUM_TRAIN or not images.validation
        if 2 * different <= good and different < LEAST_PRODUCTS and (good >= LEAST_PRODUCTS or too_few):
            return (
                f"the {good} good images of {images.root} show only {different} different products, the others are "
                f"near-equal; expected at least {LEAST_PRODUCTS}, better 200, for a threshold set on so few rejects "
                "many good ones: add images of other products"
            )
        if too_few:
            hints = hints_in_brackets(images.root)
            return (
                f"{images.root} has {len(images.train)} good images to train and {len(images.validation)} to calibrate;"
                f" expected at least {MINIMUM_TRAIN} and 1, better 200 and 100: add good images{hints}"
            )
        return None

    def obstacle_to_evaluation(self, line: ProductLine) -> str | None:
        """Say why a scorer cannot be evaluated on this data, or None when it can."""
        images = self.images
        if self.bad_fraction > line.images.max_bad_fraction:
            return _too_many_problems(self, line)
        if not images.test:
            return (
                f"{images.root} has no test images; expected test/good and test/<kind of anomaly> "
                f"such as test/logical_anomalies{hints_in_brackets(images.root)}"
            )
        return None


def scan(root: Path, line: ProductLine) -> ImageSet:
    """Check every file of a data set that is to train a line.

    Raises:
        DatasetError: Missing folders, too few images, repeated stems, or more unusable files than
            `line.images.max_bad_fraction`; the message names them.
    """
    inspection = inspect(root, line)
    images = _usable(inspection, inspection.obstacle_to_training(line))
    for hint in naming_hints(root):
        _log.warning("%s", hint)
    return images


def scan_for_evaluation(root: Path, line: ProductLine) -> ImageSet:
    """Check every file of a data set with test images; good images to train need not be there.

    Raises:
        DatasetError: Same as for `scan`, or there are no test images.
    """
    inspection = inspect(root, line)
    return _usable(inspection, inspection.obstacle_to_evaluation(line))


def inspect(root: Path, line: ProductLine) -> Inspection:
    """Decode every file of a data set and report on it; unusable files are problems, not errors.

    Raises:
        DatasetError: Missing folders, no images at all, repeated stems.
    """
    everything = list_images(root, line.images.validation_fraction)
    excluded = {image.stem for image in everything if _is_excluded(image, line)}
    listed = [image for image in everything if not _is_excluded(image, line)]
    if excluded:
        _log.warning("left out %d good images that the line excludes: %s", len(excluded), name_some(sorted(excluded)))
    with ThreadPoolExecutor(min(WORKERS, os.cpu_count() or 1)) as pool:
        results = pool.map(lambda image: _check(image, root, line.images.max_pixels), listed)
        checked = list(track(results, "Checking images", total=len(listed)))
    formats: dict[ImageFile, FileFormat] = {}
    problems = []
    for image, result in zip(listed, checked, strict=True):
        if isinstance(result, ImageProblem):
            problems.append(result)
        else:
            formats[image] = result
    independence = judge_independence(
        root,
        [(image, found.thumbnail, found.sha256) for image, found in formats.items() if image.kind == GOOD],
        line.images.validation_fraction,
    )
    formats = _in_their_splits(formats, independence)
    if independence.held_out:
        good = len(independence.train) + len(independence.validation)
        _log.info("no validation images in the data: held out %d of %d good images", len(independence.validation), good)
    annotations = {path: SeenFile.of(path) for path in _annotations(root, formats)}
    contents = {image.path: found.seen for image, found in formats.items()}
    images = ImageSet(
        root=root,
        train=_of_split("train", formats),
        validation=_of_split("validation", formats),
        test=_of_split("test", formats),
        digest=_digest(root, {**contents, **annotations}),
        problems=tuple(problems),
        training_digest=_digest(root, {image.path: contents[image.path] for image in formats if image.split != "test"}),
        contents={**contents, **annotations},
        groups=independence.groups,
        dependent=independence.dependent,
        unusual=independence.unusual,
        excluded=tuple(sorted(excluded)),
        nearness=independence.nearness,
    )
    _warn_of_dark_sixteen_bits(formats)
    return Inspection(images, tuple(formats.values()))


def _check(image: ImageFile, root: Path, max_pixels: int) -> FileFormat | ImageProblem:
    name = str(image.path)
    inside = str(image.path.relative_to(root))
    if printable(inside) != inside:
        return ImageProblem(image.path, "its name is not UTF-8; rename it")
    try:
        if not image.path.is_file():
            raise ImageError(f"{name}: not a regular file")
        with image.path.open("rb") as stream:
            stamp = FileStamp.of_open(stream)
            opened = open_image(stream, name, max_pixels)
            mode = opened.mode
            pixels = to_rgb(load(opened, name), name)
            stream.seek(0)
            sha256 = stream_sha256(stream)
            if FileStamp.of_open(stream) != stamp:
                raise ImageError(f"{name}: changed while it was read; run again when nothing writes to it any more")
    except ImageError as error:
        return ImageProblem(image.path, str(error).removeprefix(f"{name}: "))
    except OSError as error:
        return ImageProblem(image.path, f"cannot be read: {error.strerror or error}")
    height, width, _ = pixels.shape
    seen = SeenFile(stamp=stamp, sha256=sha256)
    return FileFormat(width, height, mode, seen, int(np.max(pixels, initial=0)), Thumbnail.of(pixels))


def _is_excluded(image: ImageFile, line: ProductLine) -> bool:
    return image.split != "test" and image.stem in line.images.exclude


def _in_their_splits(formats: dict[ImageFile, FileFormat], found: Independence) -> dict[ImageFile, FileFormat]:
    """Sort images into the splits that near-equal ones allow; those that must not calibrate are left out."""
    split_of = {image.path: image for image in (*found.train, *found.validation)}
    dependent = set(found.dependent)
    placed = {split_of.get(image.path, image): format for image, format in formats.items() if image not in dependent}
    order = ("train", "validation", "test")
    return {image: placed[image] for split in order for image in placed if image.split == split}


def _of_split(split: str, images: Iterable[ImageFile]) -> tuple[ImageFile, ...]:
    return tuple(image for image in images if image.split == split)


def _annotations(root: Path, images: Iterable[ImageFile]) -> list[Path]:
    config = root / "defects_config.json"
    masks = [mask for image in images if image.split == "test" for mask in ground_truth_masks(root, image)]
    return [*masks, *([config] if config.is_file() else [])]


def _digest(root: Path, contents: Mapping[Path, SeenFile]) -> str:
    """Hash the sorted pairs of relative name and content."""
    return files_sha256({_relative(path, root): seen.sha256 for path, seen in contents.items()})


def _relative(path: Path, root: Path) -> str:
    return unicodedata.normalize("NFC", path.relative_to(root).as_posix())


def _usable(inspection: Inspection, obstacle: str | None) -> ImageSet:
    if obstacle:
        raise DatasetError(obstacle)
    for problem in inspection.images.problems:
        _log.warning("skipped %s", problem)
    tell_ignored(inspection.images.root)
    for sentence in describe(inspection.images):
        _log.warning("%s", sentence)
    return inspection.images


def _too_many_problems(inspection: Inspection, line: ProductLine) -> str:
    problems = inspection.images.problems
    listed = [f"  {problem}" for problem in problems[:LISTED_PROBLEMS]]
    if len(problems) > LISTED_PROBLEMS:
        listed.append(f"  and {len(problems) - LISTED_PROBLEMS} more")
    return (
        f"{len(problems)} of {len(problems) + len(inspection.formats)} files ({inspection.bad_fraction:.1%}) "
        f"cannot be used; at most {line.images.max_bad_fraction:.1%} are skipped:\n"
        + "\n".join(listed)
        + "\nreplace or remove them, or raise images.max_bad_fraction in the product line to skip them"
    )


def _warn_of_dark_sixteen_bits(formats: dict[ImageFile, FileFormat]) -> None:
    sixteen_bits = [found for found in formats.values() if found.mode in SIXTEEN_BIT_MODES]
    if sixteen_bits and max(found.brightest for found in sixteen_bits) <= 4095 // 257 + 1:
        _log.warning(
            "%d images have 16 bits but use only the values of a 12-bit camera: they will look almost black; "
            "multiply their values by 16",
            len(sixteen_bits),
        )
