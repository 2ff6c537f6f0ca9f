"""Scores listed images through the one scoring loop: a row for each, whether it can be scored or not.

What the rows depend on beside model and images is this module and what it uses: see `csad.batch.parts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csad.batch.listed import ListedImage
from csad.common.errors import ImageError
from csad.common.hashing import bytes_sha256
from csad.images.reading import decode_rgb
from csad.scoring.loop import BATCH, Failure, score_each
from csad.scoring.result_table import Row
from csad.store.transfer import in_parallel

if TYPE_CHECKING:
    import numpy as np

    from csad.scoring.scorer import Scorer

Read = Callable[[ListedImage], tuple[bytes | None, bool]]
"""Returns the bytes of an image, None where it is not there, and whether they are those that were listed."""


@dataclass(frozen=True)
class ScoredRows:
    """What became of a run of images.

    Attributes:
        rows: One per image, in their order.
        changed: Images whose bytes are not those that were listed.
        refused: Images that the system does not let us read, which it may another time.
    """

    rows: list[Row]
    changed: int
    refused: int

    @property
    def lasting(self) -> bool:
        """Whether the same images give the same rows again."""
        return not self.changed and not self.refused


@dataclass(frozen=True, eq=False)
class _Fetched:
    image: ListedImage
    content: bytes | None
    same: bool
    refusal: str = ""

    def __str__(self) -> str:
        return self.image.shown


def score_listed(scorer: Scorer, images: Sequence[ListedImage], read: Read) -> ScoredRows:
    """Read and score images; the encoded bytes of one batch are in memory at a time.

    Args:
        scorer: The model.
        images: What to score.
        read: Reads one; called from several threads.

    Raises:
        StoreError: The store does not answer: that is no fault of an image.
    """

    def fetch(image: ListedImage) -> _Fetched:
        try:
            return _Fetched(image, *read(image))
        except OSError as error:
            return _Fetched(image, None, True, f"cannot be read: {error.strerror or error}")

    rows: list[Row] = []
    changed = refused = 0
    for start in range(0, len(images), BATCH):
        fetched = list(in_parallel(fetch, images[start : start + BATCH]))
        changed += sum(not one.same for one in fetched)
        refused += sum(bool(one.refusal) for one in fetched)
        rows += _rows(scorer, fetched)
    return ScoredRows(rows, changed, refused)


def _rows(scorer: Scorer, fetched: Sequence[_Fetched]) -> Iterator[Row]:
    def decode(one: _Fetched) -> np.ndarray:
        if one.content is None:
            raise ImageError(f"{one}: {one.refusal or 'no such file or object'}")
        return decode_rgb(one.content, str(one), scorer.line.images.max_pixels)

    for outcome in score_each(scorer, fetched, decode):
        one = outcome.source
        row: Row = {
            "file": str(one),
            "bytes": None if one.content is None else len(one.content),
            "modified": one.image.modified,
            "sha256": None if one.content is None else bytes_sha256(one.content),
        }
        if isinstance(outcome, Failure):
            yield row | {"error": str(outcome.error)}
            continue
        found = outcome.score
        yield row | {
            "score": found.value,
            "threshold": found.threshold,
            "anomalous": found.anomalous,
            "branches": dict(found.branches),
            "explanations": list(found.explanations),
        }
