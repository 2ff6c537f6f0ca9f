"""The images that both models of a gate are judged on, and how the models do on them.

Where the data have anomalous test images, those judge. Where they have none, anomalies are made from good images that
trained neither the networks nor the histograms: a component too many (LSA) and a coloured spot, the same ones for both
models. They are easier than real ones: they find a broken model, not the better one of two good ones.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from csad.calibration.synthetic_anomalies import coloured_spot
from csad.common.errors import DatasetError
from csad.common.progress import track
from csad.evaluation.figures import ImageRecord
from csad.evaluation.scoring import score_images
from csad.gate.checks import SYNTHETIC_LOGICAL, SYNTHETIC_STRUCTURAL
from csad.images import ImageFile, ImageSet, read_rgb
from csad.images.good_names import means_good
from csad.images.records import GOOD
from csad.imaging.canvas import Canvas
from csad.proposals.classical import build_classical
from csad.scoring.loop import BATCH, Failure, ImageScore, score_each
from csad.scoring.scorer import Scorer
from csad.segmentation.lsa import Component, LabelledImage, components_of, paste_components

SEED = 0
"""Random seed of the synthetic anomalies: the same data give the same ones."""

SYNTHETIC_FROM = 60
"""Good images at most that anomalies are made from, one of each kind per image."""

DONORS = 8
"""Good images whose components are pasted into others."""

TIMED = 30
"""Images at most that are timed."""

Pixels = NDArray[np.uint8]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Exam:
    """What the models are judged on.

    Attributes:
        good: Good images: those of the test that are near-equal to no training or validation image, else validation's.
        anomalous: Anomalous test images; empty where anomalies are made.
        donors: Good images whose components are pasted.
    """

    good: tuple[ImageFile, ...]
    anomalous: tuple[ImageFile, ...]
    donors: tuple[ImageFile, ...]

    @classmethod
    def of(cls, images: ImageSet) -> "Exam":
        """Choose the images of a data set.

        Raises:
            DatasetError: It has no good images but those that train.
        """
        test = sum(file.kind == GOOD for file in images.test)
        independent = images.independent_test
        if len(independent) < test:
            _log.warning(
                "gate: %d of %d good test images are near-equal to training or validation images and prove nothing",
                test - len(independent),
                test,
            )
        good = independent or images.validation
        if not good:
            raise DatasetError(
                f"{images.root} has no good images to judge a model on; expected test/good or validation/good"
            )
        misnamed = sorted({file.kind for file in images.test if file.kind != GOOD and means_good(file.kind)})
        if misnamed:
            raise DatasetError(
                f"{images.root} has test/{', test/'.join(misnamed)}, whose images would be judged as anomalies while "
                f"the name means good ones: move them to test/{GOOD}, or name the anomaly otherwise"
            )
        anomalous = tuple(file for file in images.test if file.kind != GOOD)
        return cls(good, anomalous, _spread(images.train or good, DONORS))

    @property
    def files(self) -> tuple[ImageFile, ...]:
        """All images of the exam that are files."""
        return (*self.good, *self.anomalous)

    def score(self, scorer: Scorer, who: str) -> list[ImageRecord]:
        """Score the images that are files, in their order.

        Args:
            scorer: The model.
            who: Its part in the gate, for the progress.
        """
        scored = score_images(scorer, self.files, f"Scoring with the {who}")
        return [record_of(one.file.key, one.file.kind, one.score) for one in scored]

    def score_made(self, scorers: Sequence[Scorer], canvas: Canvas) -> list[list[ImageRecord]]:
        """Make anomalies and score them with every model; none where the exam has real ones.

        Args:
            scorers: The models.
            canvas: Where the product is: anomalies are made inside.

        Returns:
            For each model its records, in the same order.
        """
        records: list[list[ImageRecord]] = [[] for _ in scorers]
        if self.anomalous:
            return records
        files = _spread(self.good, SYNTHETIC_FROM)
        maker = _Maker(canvas, [self._posed(file, scorers) for file in self.donors], scorers[0].line.pseudo_labels.mode)
        starts = range(0, len(files), BATCH)
        for start in track(starts, "Scoring synthetic anomalies", total=len(starts)):
            batch = files[start : start + BATCH]
            pixels = [self._posed(file, scorers) for file in batch]
            for kind, made in maker.make(pixels):
                named = {f"{kind}/{file.stem}": image for file, image in zip(batch, made, strict=True)}
                for scorer, mine in zip(scorers, records, strict=True):
                    for outcome in score_each(scorer, list(named), named.__getitem__):
                        if isinstance(outcome, Failure):
                            raise outcome.error
                        mine.append(record_of(outcome.source, kind, outcome.score))
        return records

    def time(self, scorers: Sequence[Scorer]) -> list[float]:
        """Median milliseconds that each model takes for one image, reading and decoding left out.

        The models take turns on each image, so that a machine that is busy for a while slows both; of two passes over
        an image the faster one counts.
        """
        files = _spread(self.files, TIMED)
        seconds: list[list[float]] = [[] for _ in scorers]
        for index, file in enumerate(track(files, "Timing")):
            image = self._read(file, scorers)
            if index == 0:
                for scorer in scorers:
                    scorer.score(image)
            best = [np.inf] * len(scorers)
            for turn in range(2):
                order = list(enumerate(scorers))
                for which, scorer in order if turn % 2 else reversed(order):
                    started = time.perf_counter()
                    scorer.score(image)
                    best[which] = min(best[which], time.perf_counter() - started)
            for mine, taken in zip(seconds, best, strict=True):
                mine.append(taken)
        return [1000 * median(mine) for mine in seconds]

    @property
    def timed(self) -> int:
        """How many images `time` looks at."""
        return len(_spread(self.files, TIMED))

    def _read(self, file: ImageFile, scorers: Sequence[Scorer]) -> Pixels:
        return read_rgb(file.path, scorers[0].line.images.max_pixels)

    def _posed(self, file: ImageFile, scorers: Sequence[Scorer]) -> Pixels:
        """In the pose of the first model's canvas, so that its box shows the product; scorers take it as it is."""
        return scorers[0].registered(self._read(file, scorers))


def record_of(key: str, kind: str, score: ImageScore) -> ImageRecord:
    """What the checks read of a score."""
    return ImageRecord(key=key, kind=kind, score=score.value, anomalous=score.anomalous, branches=dict(score.branches))


class _Maker:
    """Makes anomalies from good images of any sizes, inside the product's box."""

    def __init__(self, canvas: Canvas, donors: Sequence[Pixels], mode: str) -> None:
        self._canvas = canvas
        self._generator = np.random.default_rng(SEED)
        crops = [canvas.to_input(donor) for donor in donors]
        proposer = build_classical(crops, Canvas((0, 0, 1, 1), canvas.height, canvas.width), mode)
        found = [_components(crop, [mask.mask for mask in proposer.propose(crop)]) for crop in crops]
        self._components = [components for components in found if components]
        if not self._components:
            _log.warning("no components were found on good images: no logical anomalies are made")

    def make(self, images: Sequence[Pixels]) -> Iterator[tuple[str, list[Pixels]]]:
        """Make one anomaly of each kind from every image."""
        crops = [self._canvas.to_input(image) for image in images]
        if self._components:
            pasted = [
                paste_components(
                    LabelledImage(crop, np.zeros(crop.shape[:2], np.uint8)), self._donor(), self._generator
                )
                for crop in crops
            ]
            yield (
                SYNTHETIC_LOGICAL,
                [self._put_back(*pair) for pair in zip(images, [p.pixels for p in pasted], strict=True)],
            )
        odd = [coloured_spot(crop, self._generator) for crop in crops]
        yield SYNTHETIC_STRUCTURAL, [self._put_back(image, crop) for image, crop in zip(images, odd, strict=True)]

    def _donor(self) -> Sequence[Component]:
        return self._components[int(self._generator.integers(len(self._components)))]

    def _put_back(self, image: Pixels, crop: Pixels) -> Pixels:
        """Lay a changed crop over its image: only what was changed, for resizing alters the rest."""
        left, top, right, bottom = self._canvas.pixel_box(image.shape[0], image.shape[1])
        size = right - left, bottom - top
        changed = np.any(crop != self._canvas.to_input(image), axis=2)
        mask = np.asarray(Image.fromarray(changed).resize(size, Image.Resampling.NEAREST))
        result = image.copy()
        result[top:bottom, left:right][mask] = np.asarray(Image.fromarray(crop).resize(size, Image.Resampling.BICUBIC))[
            mask
        ]
        return result


def _components(crop: Pixels, masks: Sequence[NDArray[np.bool_]]) -> list[Component]:
    components: list[Component] = []
    for mask in masks:
        components += components_of(LabelledImage(crop, mask.astype(np.uint8)))
    return components


def _spread(files: Sequence[ImageFile], count: int) -> tuple[ImageFile, ...]:
    """At most `count` files, evenly from all."""
    if len(files) <= count:
        return tuple(files)
    return tuple(files[index * len(files) // count] for index in range(count))
