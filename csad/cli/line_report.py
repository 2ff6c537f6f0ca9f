"""What `csad line check` finds out: the data, its problems, and what training would do."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from csad.common.errors import DatasetError, WeightsError
from csad.common.printable import printable
from csad.common.tables import table
from csad.config.line import ProductLine
from csad.features.backbone import backbone_of
from csad.images import ImageSet, Inspection, inspect
from csad.images.good_names import naming_hints
from csad.images.ignored import find_ignored
from csad.images.independence import describe
from csad.images.records import ImageFile
from csad.images.registered import find_registration
from csad.images.training_images import sample_images
from csad.images.walking import say_ignored
from csad.metrics.ground_truth import read_saturation_rules
from csad.metrics.threshold import promised_rate
from csad.metrics.truth_reader import TruthReader
from csad.proposals.proposers import proposer_of

FEW_TRAIN = 50
LISTED_PROBLEMS = 20


@dataclass(frozen=True)
class LineReport:
    """The outcome of a check.

    Attributes:
        line: Name of the product line.
        obstacle: Why training would fail; None when it would run.
        counts: Usable images per "split/kind".
        sizes: Images per "WIDTHxHEIGHT".
        modes: Images per storage mode: RGB, L, I;16, ...
        problems: Unusable files as "path: reason".
        digest: Digest of the data set's content; empty when there are no images.
        notes: What would train but deserves a look.
        plan: What training would do.
        missing: Why the line's foundation models would fail on this machine; the line may train on another.
    """

    line: str
    obstacle: str | None
    counts: dict[str, int]
    sizes: dict[str, int]
    modes: dict[str, int]
    problems: tuple[str, ...]
    digest: str
    notes: tuple[str, ...]
    plan: tuple[str, ...]
    missing: tuple[str, ...]

    @classmethod
    def of(cls, line: ProductLine, data: Path) -> "LineReport":
        """Check a line against a data folder."""
        try:
            inspection = inspect(data, line)
        except DatasetError as error:
            return cls(line.name, printable(error), {}, {}, {}, (), "", (), (), proposer_of(line).missing(line))
        obstacle = inspection.obstacle_to_training(line) or _obstacle_of_weights(line)
        images = inspection.images
        return cls(
            line=line.name,
            obstacle=obstacle and printable(obstacle),
            counts=dict(Counter(f"{image.split}/{image.kind}" for image in _all(images))),
            sizes=_commonest(f"{found.width}x{found.height}" for found in inspection.formats),
            modes=_commonest(found.mode for found in inspection.formats),
            problems=tuple(map(str, images.problems)),
            digest=images.digest,
            notes=tuple(_notes(line, inspection)),
            plan=() if obstacle else tuple(_plan(line, images)),
            missing=proposer_of(line).missing(line),
        )

    def to_json(self) -> dict[str, object]:
        """The report for scripts."""
        return {
            "line": self.line,
            "would_train": self.obstacle is None,
            "obstacle": self.obstacle,
            "counts": self.counts,
            "sizes": self.sizes,
            "modes": self.modes,
            "problems": list(self.problems),
            "digest": self.digest,
            "notes": list(self.notes),
            "plan": list(self.plan),
            "missing": list(self.missing),
        }

    def to_text(self) -> str:
        """The report for people."""
        parts = [f"product line {self.line}"]
        if self.counts:
            parts.append(table(("images", ""), [(name, str(count)) for name, count in self.counts.items()]))
            parts.append(table(("size", "images"), [(size, str(count)) for size, count in self.sizes.items()]))
            parts.append(table(("mode", "images"), [(mode, str(count)) for mode, count in self.modes.items()]))
            parts.append(f"content digest {self.digest}")
        parts.extend(_listing("problems", self.problems))
        parts.extend(_listing("worth a look", self.notes))
        parts.extend(_listing("training would", self.plan))
        parts.extend(_listing("WARNING: on this machine the foundation models would fail", self.missing))
        ready = "ready to train on a machine that has the foundation models" if self.missing else "ready to train"
        parts.append(f"training would FAIL: {self.obstacle}" if self.obstacle else ready)
        return "\n\n".join(parts)


def _all(images: ImageSet) -> tuple[ImageFile, ...]:
    return (*images.train, *images.validation, *images.test)


def _commonest(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(values).most_common())


def _listing(title: str, items: tuple[str, ...]) -> list[str]:
    if not items:
        return []
    more = [f"  and {len(items) - LISTED_PROBLEMS} more"] if len(items) > LISTED_PROBLEMS else []
    return ["\n".join([f"{title}:", *(f"  {item}" for item in items[:LISTED_PROBLEMS]), *more])]


def _obstacle_of_weights(line: ProductLine) -> str | None:
    try:
        backbone_of(line.backbone)
    except WeightsError as error:
        return str(error)
    return None


def _notes(line: ProductLine, inspection: Inspection) -> Iterator[str]:
    images = inspection.images
    ignored = say_ignored(find_ignored(images.root))
    if ignored:
        yield ignored
    if len(images.train) < FEW_TRAIN:
        yield f"{len(images.train)} images to train are few: figures rise up to about 200"
    wanted = round(1 / line.threshold.false_reject_rate)
    good = _calibrating(line, images)
    if good < wanted:
        promised = promised_rate(good, line.threshold.false_reject_rate)
        yield (
            f"{good} good images cannot show a false-reject rate of {line.threshold.false_reject_rate:.1%}: "
            f"{wanted} or more would; the threshold will promise {promised:.1%}"
        )
    if len({(found.width, found.height) for found in inspection.formats}) > 1:
        yield "the images differ in size; all are scaled to one canvas"
    yield from _copies(inspection)
    yield from describe(images)
    yield from naming_hints(images.root)
    yield from _ground_truth(inspection)


def _calibrating(line: ProductLine, images: ImageSet) -> int:
    """How many good images set the threshold: trained students saw all training images, which then cannot."""
    trained = line.lgst.global_student == "autoencoder" or line.lgst.local_student == "pdn"
    return len(images.validation) + (0 if trained else len(images.train))


def _ground_truth(inspection: Inspection) -> Iterator[str]:
    """What an evaluation would say of the masks."""
    images = inspection.images
    try:
        truth = TruthReader(images, read_saturation_rules(images.root))
    except DatasetError as error:
        yield str(error)
        return
    for image, found in zip(_all(images), inspection.formats, strict=True):
        if image.split == "test":
            truth.of(image, (found.height, found.width))
    if truth.without:
        yield (
            f"{truth.without} of {truth.anomalous} anomalous test images have no mask: they do not count in "
            "localisation"
        )
    yield from truth.broken()
    yield from truth.doubts()


def _copies(inspection: Inspection) -> Iterator[str]:
    """Byte-identical files: harmless in one split, a leak between splits."""
    splits: dict[str, list[str]] = {}
    for image, found in zip(_all(inspection.images), inspection.formats, strict=True):
        splits.setdefault(found.sha256, []).append(image.split)
    copies = sum(len(same) - 1 for same in splits.values())
    leaks = sum(len(set(same)) > 1 for same in splits.values())
    if copies:
        yield f"{copies} files are exact copies of another image"
    if leaks:
        yield f"{leaks} images appear in several of train, validation and test: the figures would be too good"


def _plan(line: ProductLine, images: ImageSet) -> Iterator[str]:
    sample = sample_images(line, images.train)
    registration = find_registration(line, sample)
    if registration:
        yield f"bring the product, which lies {registration.poses}, to one pose (images.registration: none leaves it)"
        sample = sample.registered(registration)
    canvas = sample.canvas(line)
    left, top, right, bottom = canvas.box
    yield (
        f"look at {left:.0%} to {right:.0%} of the width and {top:.0%} to {bottom:.0%} of the height, "
        f"scaled to {canvas.width}x{canvas.height}, with {line.backbone.name}"
    )
    yield f"find components ({proposer_of(line).describe(line, sample, canvas)}) and group them into classes"
    yield (
        f"train the component segmentation for {line.segmentation.steps} steps "
        f"{'with' if line.segmentation.lsa else 'without'} synthetic logical anomalies"
    )
    yield f"fit LGST: global student {line.lgst.global_student}, local student {line.lgst.local_student}"
    yield f"set the threshold on good images, {len(images.validation)} of which train nothing"
