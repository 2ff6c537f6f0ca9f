"""The images of a data set through the scorer."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from csad.common.errors import ImageError
from csad.config.line import ProductLine
from csad.images import ImageFile, read_rgb
from csad.metrics.threshold import Threshold
from csad.scoring.loop import BATCH, REMEDY, Failure, ImageScore, score_each


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
    def normal_tail(self) -> float:
        """What the upper tail of good images' maps reaches, above 0: the scale of pictures."""
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
    """Read and score images in their order; nothing can be measured where one of them fails.

    Raises:
        ImageError: A file cannot be read, or a score that is not a finite number; the message names the image.
    """
    background_score: Callable[[np.ndarray], float] | None = getattr(scorer, "background_score", None)

    def read(path: Path) -> np.ndarray:
        return read_rgb(path, scorer.line.images.max_pixels)

    by_path = {file.path: file for file in files}
    for outcome in score_each(scorer, list(by_path), read, description, batch):
        if isinstance(outcome, Failure):
            raise outcome.error
        background = None if background_score is None else float(background_score(outcome.image))
        if background is not None and not np.isfinite(background):
            raise ImageError(f"{outcome.source}: the background score is {background}; {REMEDY}")
        yield ScoredImage(by_path[outcome.source], outcome.image, outcome.score, background, outcome.seconds)
