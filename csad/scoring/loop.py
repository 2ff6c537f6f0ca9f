"""THE loop over images with a scorer: `csad score`, evaluation, the gate and benchmarks all go through it.

One outcome per image, in order: a `Result`, or a `Failure` with the reason. One batch of images is in memory at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from csad.common.errors import ImageError
from csad.common.progress import track
from csad.images.image_batches import in_batches

BATCH = 8
REMEDY = "a sound model does not do that: train it again"

Pixels = NDArray[np.uint8]


class ImageScore(Protocol):
    """What is read of a score; `csad.scoring.scorer.Score` is one."""

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
    def map(self) -> NDArray[np.float32]:
        """Anomaly map, float32 (H, W) at the image's size."""
        ...

    @property
    def explanations(self) -> Sequence[str]:
        """What is wrong, a sentence each."""
        ...


T = TypeVar("T")
S = TypeVar("S", bound=ImageScore)
S_co = TypeVar("S_co", bound=ImageScore, covariant=True)


class BatchScorer(Protocol[S_co]):
    """Anything that scores images; `csad.scoring.scorer.Scorer` is one."""

    def score_batch(self, images: Sequence[Pixels]) -> Sequence[S_co]:
        """Score uint8 (H, W, 3) images of any sizes."""
        ...


@dataclass(frozen=True, eq=False)
class Result(Generic[T, S]):
    """An image with its score.

    Attributes:
        source: Which image it is.
        image: uint8 (H, W, 3).
        score: Every number is finite and the map has the image's size.
        seconds: Its part of the time that the scorer took for the batch.
    """

    source: T
    image: Pixels
    score: S
    seconds: float


@dataclass(frozen=True)
class Failure(Generic[T]):
    """An image without a score.

    Attributes:
        source: Which image it is.
        error: Why, naming it.
    """

    source: T
    error: Exception


def score_each(
    scorer: BatchScorer[S],
    sources: Sequence[T],
    read: Callable[[T], Pixels],
    description: str | None = None,
    batch: int = BATCH,
) -> Iterator[Result[T, S] | Failure[T]]:
    """Read and score images in their order, large ones in smaller batches.

    Args:
        scorer: The model.
        sources: What images are read from, such as paths.
        read: Reads one, uint8 (H, W, 3); an ImageError makes it a failure.
        description: Shown with the progress; None shows none.
        batch: Images that are scored at once.

    Yields:
        An outcome for each source; an image whose score is not finite is a failure, too.
    """
    starts = range(0, len(sources), batch)
    for start in starts if description is None else track(starts, description, total=len(starts)):
        outcomes = (_read(source, read) for source in sources[start : start + batch])
        for together in in_batches(outcomes, lambda one: 0 if isinstance(one, Failure) else one[1].size // 3):
            yield from _score(scorer, together)


def _read(source: T, read: Callable[[T], Pixels]) -> tuple[T, Pixels] | Failure[T]:
    try:
        return source, read(source)
    except ImageError as error:
        return Failure(source, error)


def _score(
    scorer: BatchScorer[S], together: Sequence[tuple[T, Pixels] | Failure[T]]
) -> Iterator[Result[T, S] | Failure[T]]:
    images = [one[1] for one in together if not isinstance(one, Failure)]
    started = time.perf_counter()
    scores = iter(scorer.score_batch(images) if images else ())
    seconds = (time.perf_counter() - started) / max(1, len(images))
    for one in together:
        if isinstance(one, Failure):
            yield one
            continue
        source, image = one
        score = next(scores)
        fault = _fault(image, score)
        yield (
            Failure(source, ImageError(f"{source}: {fault}; {REMEDY}"))
            if fault
            else Result(source, image, score, seconds)
        )


def _fault(image: Pixels, score: ImageScore) -> str | None:
    """What is wrong with a score; None where nothing is."""
    values = {"score": score.value, **{f"score of branch {name}": value for name, value in score.branches.items()}}
    for name, value in values.items():
        if not np.isfinite(value):
            return f"the {name} is {value}"
    if score.map.shape != image.shape[:2]:
        return f"its map has shape {score.map.shape}, the image {image.shape[:2]}"
    bad = int((~np.isfinite(score.map)).sum())
    return f"{bad} of {score.map.size} values of its map are not finite" if bad else None
