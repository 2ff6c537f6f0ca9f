"""Images through the scorer, one batch in memory at a time."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from csad.common.errors import ImageError
from csad.common.progress import track
from csad.config.line import ProductLine
from csad.images import ImageFile, read_rgb
from csad.images.image_batches import in_batches
from csad.metrics.threshold import Threshold

BATCH = 8
REMEDY = "a sound model does not do that: train it again"


class ImageScore(Protocol):
    """What evaluation reads of a score; `csad.scoring.scorer.Score` is one."""

    @property
    def value(self) -> float:
        """Larger is more anomalous."""
        ...

    @property
    def anomalous(self) -> bool:
        """The decision."""
        ...

    @property
    def branches(self) -> Mapping[str, float]:
        """Value of each branch and group of branches."""
        ...

    @property
    def map(self) -> np.ndarray:
        """Anomaly map, float32 (H, W) at the image's size, >= 0."""
        ...

    @property
    def explanations(self) -> Sequence[str]:
        """What is wrong, a sentence each."""
        ...


class Manifest(Protocol):
    """Where a model comes from."""

    @property
    def seed(self) -> int:
        """Random seed of the training run."""
        ...

    @property
    def snapshot(self) -> str:
        """Digest of the data that trained it."""
        ...

    @property
    def weights(self) -> Mapping[str, Any]:
        """Pretrained weights behind it."""
        ...

    @property
    def threshold(self) -> Threshold:
        """Where it decides, and what that promises."""
        ...

    @property
    def synthetic_detection(self) -> Mapping[str, float]:
        """Fraction of each kind of synthetic anomaly that the threshold finds, 0..1."""
        ...

    @property
    def odd_images(self) -> tuple[str, ...]:
        """Good images of the training that it would reject, the oddest first."""
        ...


class ImageScorer(Protocol):
    """What evaluation needs of a scorer; `csad.scoring.scorer.Scorer` is one.

    A method `background_score(image) -> float` is optional.
    """

    @property
    def line(self) -> ProductLine:
        """The settings it was made with."""
        ...

    @property
    def threshold(self) -> float:
        """An image is rejected above it."""
        ...

    @property
    def manifest(self) -> Manifest:
        """Where the model comes from."""
        ...

    def score_batch(self, images: Sequence[np.ndarray]) -> Sequence[ImageScore]:
        """Score uint8 (H, W, 3) images of any sizes."""
        ...


@dataclass(frozen=True)
class ScoredImage:
    """An image with its score.

    Attributes:
        file: Which image it is.
        image: uint8 (H, W, 3).
        score: Its score; every number is finite and the map has the image's size.
        background: Score of its bare background, where the scorer offers one.
        seconds: Its part of the time that the scorer took for the batch.
    """

    file: ImageFile
    image: np.ndarray
    score: ImageScore
    background: float | None
    seconds: float


def score_images(
    scorer: ImageScorer, files: Sequence[ImageFile], description: str, batch: int = BATCH
) -> Iterator[ScoredImage]:
    """Read and score images in their order.

    Raises:
        ImageError: A file cannot be read, or a score that is not a finite number; the message names the image.
    """
    background_score: Callable[[np.ndarray], float] | None = getattr(scorer, "background_score", None)
    starts = range(0, len(files), batch)
    for start in track(starts, description, total=len(starts)):
        part = files[start : start + batch]
        for together in in_batches((file, read_rgb(file.path, scorer.line.images.max_pixels)) for file in part):
            started = time.perf_counter()
            scores = scorer.score_batch([image for _, image in together])
            seconds = (time.perf_counter() - started) / len(together)
            for (file, image), score in zip(together, scores, strict=True):
                background = None if background_score is None else float(background_score(image))
                _check(file, image, score, background)
                yield ScoredImage(file, image, score, background, seconds)


def _check(file: ImageFile, image: np.ndarray, score: ImageScore, background: float | None) -> None:
    values = {"score": score.value, **{f"score of branch {name}": value for name, value in score.branches.items()}}
    if background is not None:
        values["background score"] = background
    for name, value in values.items():
        if not np.isfinite(value):
            raise ImageError(f"{file.path}: the {name} is {value}; {REMEDY}")
    if score.map.shape != image.shape[:2]:
        raise ImageError(f"{file.path}: its map has shape {score.map.shape}, the image {image.shape[:2]}; {REMEDY}")
    if not np.isfinite(score.map).all():
        bad = int((~np.isfinite(score.map)).sum())
        raise ImageError(f"{file.path}: {bad} of {score.map.size} values of its map are not finite; {REMEDY}")
