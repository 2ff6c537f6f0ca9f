"""The images that tell most about a scorer: its worst mistakes, its closest calls, its best hits."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from csad.images.records import GOOD, ImageFile
from csad.imaging.heat import HeatScale, draw_heat, draw_outline, encode_jpeg, shrink

PER_CATEGORY = 6


class Category(StrEnum):
    """Why an image is shown."""

    MISSED = "missed anomalies"
    FALSE_REJECT = "false rejects"
    CLOSE = "closest right decisions"
    HIT = "clearest hits"


@dataclass(frozen=True)
class Case:
    """One image to look at.

    Attributes:
        category: Why it is shown.
        key: Such as "test/good/000".
        kind: "good" or the type of anomaly.
        score: The scorer's value.
        explanations: What the scorer says is wrong.
        photo: JPEG with the true defects outlined.
        overlay: JPEG with the anomaly map laid over.
    """

    category: Category
    key: str
    kind: str
    score: float
    explanations: tuple[str, ...]
    photo: bytes
    overlay: bytes


class CaseCollector:
    """Keeps the few most telling test images of each category as small pictures.

    Args:
        threshold: Threshold of the scorer.
        scale: What the colours of a map stand for.
        limit: Images per category.
    """

    def __init__(self, threshold: float, scale: HeatScale, limit: int = PER_CATEGORY) -> None:
        self._threshold = threshold
        self._scale = scale
        self._limit = limit
        self._kept: dict[Category, list[tuple[float, Case]]] = {category: [] for category in Category}

    def offer(
        self,
        file: ImageFile,
        image: np.ndarray,
        heat: np.ndarray,
        score: float,
        explanations: tuple[str, ...],
        masks: Sequence[np.ndarray],
    ) -> None:
        """Look at one test image and keep it where it beats what was kept.

        Args:
            file: Which image it is.
            image: uint8 (H, W, 3).
            heat: Anomaly map, float32 (H, W).
            score: The scorer's value.
            explanations: What the scorer says is wrong.
            masks: True defects, bool (H, W) each.
        """
        for category, interest in self._interests(file.kind, score):
            kept = self._kept[category]
            if len(kept) == self._limit and interest <= kept[-1][0]:
                continue
            small, small_heat = shrink(image), shrink(heat)
            outlines = [shrink(mask) for mask in masks]
            case = Case(
                category=category,
                key=file.key,
                kind=file.kind,
                score=score,
                explanations=explanations,
                photo=encode_jpeg(draw_outline(small, outlines)),
                overlay=encode_jpeg(draw_outline(draw_heat(small, small_heat, self._scale), outlines)),
            )
            kept.append((interest, case))
            kept.sort(key=lambda pair: -pair[0])
            del kept[self._limit :]

    def cases(self) -> tuple[Case, ...]:
        """What was kept, by category, the most telling first."""
        return tuple(case for category in Category for _, case in self._kept[category])

    def _interests(self, kind: str, score: float) -> list[tuple[Category, float]]:
        """Categories of an image and how telling it is in each; larger is more."""
        margin = score - self._threshold
        if kind == GOOD:
            return [(Category.FALSE_REJECT, margin)] if margin > 0 else [(Category.CLOSE, margin)]
        if margin <= 0:
            return [(Category.MISSED, -margin)]
        return [(Category.CLOSE, -margin), (Category.HIT, margin)]
