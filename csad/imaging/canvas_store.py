"""Images on their canvas, decoded once, and as tensors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from csad.compute.array_store import ArrayStore
from csad.imaging.canvas import Canvas


class CanvasStore(ArrayStore):
    """The canvases of a set of images, decoded once, uint8 (h, w, 3) each."""

    def __init__(self, canvas: Canvas, images: Iterable[NDArray[np.uint8]]) -> None:
        super().__init__((canvas.to_input(image) for image in images), (canvas.height, canvas.width, 3))

    def batches(self, size: int, chosen: Sequence[int] | None = None) -> Iterator[Tensor]:
        """Go through all canvases in order, or through those chosen, as float32 (B, 3, h, w) in 0..1."""
        order = range(len(self)) if chosen is None else chosen
        for start in range(0, len(order), size):
            yield to_tensor(np.stack([self[index] for index in order[start : start + size]]))


def to_tensor(canvases: NDArray[np.uint8]) -> Tensor:
    """Turn canvases uint8 (B, h, w, 3) into float32 (B, 3, h, w) in 0..1."""
    return torch.from_numpy(np.array(canvases)).permute(0, 3, 1, 2).float().div_(255)
