"""Which images and patches each training step sees: a function of the seed and the step alone, so a run can resume.

Ours; the losses that it feeds are those of paper 3.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from csad.common.errors import DatasetError
from csad.imaging.canvas_store import CanvasStore, to_tensor
from csad.lgst.paper.networks import RECEPTIVE_FIELD


class ImageSource(Protocol):
    """Images of one size by index: a list of tensors, a dataset, or `CanvasImages`."""

    def __len__(self) -> int:
        """Number of images."""

    def __getitem__(self, index: int, /) -> Tensor:
        """One image, float32 (3, H, W) in 0..1."""


class CanvasImages:
    """Canvases kept on disk, one tensor at a time."""

    def __init__(self, store: CanvasStore) -> None:
        self._store = store

    def __len__(self) -> int:
        return len(self._store)

    def __getitem__(self, index: int, /) -> Tensor:
        return to_tensor(self._store[index][None])[0]


@dataclass(frozen=True)
class Window:
    """A rectangle of patches, in cells of the local student's own grid."""

    top: int
    left: int
    rows: int
    columns: int
    stride: int

    @classmethod
    def draw(cls, grid: tuple[int, int], side: int, stride: int, generator: torch.Generator) -> Window:
        """Place a square of `side` pixels (at most the whole grid) anywhere on the grid."""
        rows, columns = (min(cells, max(1, side // stride)) for cells in grid)
        top = int(torch.randint(grid[0] - rows + 1, (1,), generator=generator))
        left = int(torch.randint(grid[1] - columns + 1, (1,), generator=generator))
        return cls(top, left, rows, columns, stride)

    @property
    def pixels(self) -> tuple[int, int]:
        """Height and width of what the patches see together."""
        margin = RECEPTIVE_FIELD - self.stride
        return self.rows * self.stride + margin, self.columns * self.stride + margin

    def of_padded(self, padded: Tensor) -> Tensor:
        """Cut the pixels that the patches see from an image (B, 3, H, W) that carries its margin."""
        height, width = self.pixels
        top, left = self.top * self.stride, self.left * self.stride
        return padded[..., top : top + height, left : left + width]

    def of_map(self, features: Tensor) -> Tensor:
        """Cut the cells from a map (B, C, h, w) on the local student's grid."""
        return features[..., self.top : self.top + self.rows, self.left : self.left + self.columns]


def step_generator(seed: int, step: int) -> torch.Generator:
    """Generator of everything random in one step."""
    return _generator(seed, 0, step)


def step_indices(count: int, batch: int, seed: int, step: int) -> list[int]:
    """Images of one step: every image once per epoch, each epoch in an order of its own."""
    indices = []
    for position in range(step * batch, (step + 1) * batch):
        epoch, place = divmod(position, count)
        order = torch.randperm(count, generator=_generator(seed, 1, epoch))
        indices.append(int(order[place]))
    return indices


def read_batch(images: ImageSource, indices: list[int], canvas: tuple[int, int]) -> Tensor:
    """Stack images of the size `canvas` to float32 (B, 3, H, W).

    Raises:
        DatasetError: An image has another size.
    """
    batch = [images[index] for index in indices]
    for index, image in zip(indices, batch, strict=True):
        if image.shape != (3, *canvas):
            raise DatasetError(
                f"Training image {index} has the shape {tuple(image.shape)}, expected {(3, *canvas)} like the first. "
                "Draw every image on the line's canvas."
            )
    return torch.stack(batch)


def _generator(*numbers: int) -> torch.Generator:
    state = np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state) >> 1)
