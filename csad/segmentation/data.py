"""What the segmentation network learns from (paper 3.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Arrays(Protocol):
    """Arrays uint8 of one shape by their index: a list, an array or a `csad.compute.array_store.ArrayStore`."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> NDArray[np.uint8]: ...


@dataclass(frozen=True)
class SegmentationData:
    """What the network learns from; image i is described by the i-th entry of each field.

    Attributes:
        canvases: uint8 (H, W, 3) each.
        labels: Class per pixel, uint8 (H, W) each; all zero where not labelled.
        labelled: bool (N,); the others are unlabelled images.
        types: Product type, int (N,).
        classes: Component classes K, the background not counted.
    """

    canvases: Arrays
    labels: Arrays
    labelled: NDArray[np.bool_]
    types: NDArray[np.int64]
    classes: int
