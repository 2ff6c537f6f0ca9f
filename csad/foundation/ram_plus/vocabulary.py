"""The 4,585 tags of RAM++ (arXiv:2310.15200) and how sure it must be of each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from csad.foundation.packaged import read_packaged

FILE = Path(__file__).with_name("vocabulary.yaml")
SHA256 = "e7f14455381d6a1cebe36782ee1050f5bc921ae3f5569799eab9d0f179017567"


@dataclass(frozen=True)
class Vocabulary:
    """What the outputs of a tagging network mean.

    Attributes:
        tags: In the order of the outputs.
        thresholds: Probability that each must exceed; 1 for tags that are never given.
    """

    tags: tuple[str, ...]
    thresholds: tuple[float, ...]


@cache
def published_vocabulary() -> Vocabulary:
    """The tags of `ram_plus_swin_large_14m`.

    Raises:
        WeightsError: The installation is damaged.
    """
    rows = [row.split(" ", 1) for row in read_packaged(FILE, SHA256)["tags"].splitlines()]
    return Vocabulary(tuple(tag for _, tag in rows), tuple(float(threshold) for threshold, _ in rows))
