"""Masks of a large image in little memory: a box and the run-lengths within it, drawn at the working size only.

They hold X_seg of paper 3.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pycocotools import mask as coco
from scipy import ndimage
from torch import Tensor

from csad.imaging.masks import ComponentMask
from csad.imaging.working_image import working_size


@dataclass(frozen=True, eq=False)
class Region:
    """One mask of an image, not empty.

    Attributes:
        left: First column.
        top: First row.
        runs: COCO run-lengths of the mask within its bounding box.
        score: Score of the model that proposed it.
        stability: How little the mask depends on its cut-off, 0..1; None where nobody measured.
        phrase: Words that found it, if any.
        point: (x, y) that prompted it, if any.
        box: (left, top, right, bottom) that prompted it, if any.
    """

    left: int
    top: int
    runs: dict[str, Any]
    score: float
    stability: float | None = None
    phrase: str | None = None
    point: tuple[float, float] | None = None
    box: tuple[float, float, float, float] | None = None

    @classmethod
    def of(cls, crop: NDArray[np.bool_], left: int, top: int, score: float, **provenance: Any) -> Self:
        """Pack a mask.

        Args:
            crop: bool (h, w): the mask within its bounding box.
            left: First column of the box.
            top: First row of the box.
            score: Score of the model that proposed it.
            **provenance: Further attributes.
        """
        return cls(left, top, _pack(crop), score, **provenance)

    @property
    def height(self) -> int:
        """Height of the bounding box."""
        return int(self.runs["size"][0])

    @property
    def width(self) -> int:
        """Width of the bounding box."""
        return int(self.runs["size"][1])

    @property
    def area(self) -> int:
        """Pixels of the mask."""
        return int(coco.area(self.runs))

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the bounding box."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)

    def crop(self) -> NDArray[np.bool_]:
        """The mask within its bounding box, bool (h, w)."""
        return np.asarray(coco.decode(self.runs), dtype=bool)

    def mask(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """The mask in its image (H, W), at the image's working size, bool (h, w)."""
        height, width = working_size(*shape)
        rows, y = _nearest(shape[0], height, self.window[0])
        columns, x = _nearest(shape[1], width, self.window[1])
        reduced = np.zeros((height, width), dtype=bool)
        reduced[np.ix_(rows, columns)] = self.crop()[np.ix_(y, x)]
        return reduced

    def moved(self, right: int, down: int) -> Self:
        """The same mask elsewhere, its prompt with it."""
        point = None if self.point is None else (self.point[0] + right, self.point[1] + down)
        return replace(self, left=self.left + right, top=self.top + down, point=point)

    def parts(self) -> Iterator[Self]:
        """The connected parts, pixels joined by their sides, each with this mask's provenance."""
        labels, count = ndimage.label(self.crop())
        if count == 1:
            yield self
            return
        for label, window in enumerate(ndimage.find_objects(labels), start=1):
            rows, columns = window
            yield self.redrawn(labels[window] == label, self.left + columns.start, self.top + rows.start)

    def redrawn(self, crop: NDArray[np.bool_], left: int, top: int) -> Self:
        """Another mask of the same provenance; `crop` may be larger than its bounding box, but not empty."""
        rows, columns = np.flatnonzero(crop.any(axis=1)), np.flatnonzero(crop.any(axis=0))
        tight = crop[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        return replace(self, left=left + int(columns[0]), top=top + int(rows[0]), runs=_pack(tight))

    def component(self, shape: tuple[int, int], source: str) -> ComponentMask:
        """The mask as a component of an image (H, W)."""
        return ComponentMask(self.mask(shape), source, self.score, self.phrase, self.point, self.box, self.stability)


def bounding_boxes(masks: Tensor) -> Tensor:
    """Find the first and last column and row of masks.

    Args:
        masks: bool (n, H, W).

    Returns:
        int64 (n, 4): left, top, right, bottom, the last two inclusive; right below left for an empty mask.
    """
    height, width = masks.shape[1:]
    rows, columns = masks.any(dim=2), masks.any(dim=1)  # (n, H), (n, W)
    y, x = torch.arange(height, device=masks.device), torch.arange(width, device=masks.device)
    return torch.stack(
        [
            torch.where(columns, x, width).amin(dim=1),
            torch.where(rows, y, height).amin(dim=1),
            torch.where(columns, x, -1).amax(dim=1),
            torch.where(rows, y, -1).amax(dim=1),
        ],
        dim=1,
    )


def _nearest(full: int, reduced: int, window: slice) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Reduce one side of an image from `full` to `reduced` pixels, each taking the one at its middle.

    Returns:
        The reduced pixels that lie in `window` of the full side, and which pixel of the window each of them takes.
    """
    taken = ((np.arange(reduced) + 0.5) * full / reduced).astype(np.int64)
    inside = np.flatnonzero((taken >= window.start) & (taken < window.stop))
    return inside, taken[inside] - window.start


def _pack(crop: NDArray[np.bool_]) -> dict[str, Any]:
    runs: dict[str, Any] = coco.encode(np.asfortranarray(crop, dtype=np.uint8))
    return runs
