"""The frozen teacher of the student-teacher branch (paper 3.4).

The paper's feature map is [512, 56, 56]: stages 2 and 3 on one grid, averaged over 3 x 3, projected to C = 512 channels
and normalised by the mean and deviation of each channel over the training images.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from csad.common.errors import DatasetError, ModelFolderError

if TYPE_CHECKING:
    from csad.features.backbone import Backbone

GRID_STRIDE = 8
"""Pixels per cell of the default grid."""

LEAST_RELATIVE_DEVIATION = 0.01
"""A channel that hardly moves in training is divided by this fraction of the mean deviation, not by its own."""


def orthogonal_projection(in_channels: int, out_channels: int, seed: int) -> Tensor:
    """Draw a random projection with orthonormal rows.

    Args:
        in_channels: Width before the projection.
        out_channels: Width after it, at most `in_channels`.
        seed: Seed of the draw.

    Returns:
        float32 (out_channels, in_channels).
    """
    generator = torch.Generator().manual_seed(seed)
    gaussian = torch.randn(in_channels, out_channels, generator=generator, dtype=torch.float64)
    rows: Tensor = torch.linalg.qr(gaussian).Q.T
    return rows.float().contiguous()


class Teacher(nn.Module):
    """Stages 2 and 3 of a frozen backbone on one grid, standardised per channel.

    Resizing and averaging treat every channel alike and the projection treats every pixel alike, so each stage is
    projected before it is resized: the same features for a fraction of the work.

    Args:
        backbone: Frozen pyramid; its stages 2 and 3 have strides 8 and 16.
        mean: float32 (C,), mean of each channel over the training images.
        std: float32 (C,), deviation of each channel, above zero.
        projection: float32 (C, C2 + C3), or None to keep all C = C2 + C3 channels.
        grid: Rows and columns of the features, or None for one cell per 8 pixels.
    """

    mean: Tensor
    std: Tensor
    projection: Tensor | None

    def __init__(
        self,
        backbone: Backbone,
        mean: Tensor,
        std: Tensor,
        projection: Tensor | None,
        grid: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.grid = grid
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)
        self.register_buffer("projection", projection)

    @property
    def channels(self) -> int:
        """Width of the features."""
        return int(self.mean.numel())

    def grid_of(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of the features of an image of this size."""
        return self.grid or (height // GRID_STRIDE, width // GRID_STRIDE)

    @torch.no_grad()
    def raw(self, image: Tensor) -> Tensor:
        """Features before standardisation.

        Args:
            image: float32 (B, 3, H, W) in 0..1.

        Returns:
            float32 (B, C, h, w).
        """
        return self.combine(self.backbone(image), self.grid_of(image.shape[-2], image.shape[-1]))

    def combine(self, pyramid: list[Tensor], grid: tuple[int, int]) -> Tensor:
        """Bring the pyramid's stages 2 and 3, (B, C2, H/8, W/8) and (B, C3, H/16, W/16), to one grid: (B, C, h, w)."""
        stages = pyramid[1:3]
        if self.projection is None:
            features = torch.cat([resize(stage, grid) for stage in stages], dim=1)
        else:
            parts = torch.split(self.projection, [stage.shape[1] for stage in stages], dim=1)
            projected = [F.conv2d(stage, part[:, :, None, None]) for stage, part in zip(stages, parts, strict=True)]
            features = resize(projected[0], grid) + resize(projected[1], grid)
        return F.avg_pool2d(features, kernel_size=3, stride=1, padding=1, count_include_pad=False)

    @torch.no_grad()
    def forward(self, image: Tensor) -> Tensor:
        """Standardised features.

        Args:
            image: float32 (B, 3, H, W) in 0..1.

        Returns:
            float32 (B, C, h, w); over the training images each channel has mean 0 and deviation 1.
        """
        return self.standardise(self.raw(image))

    def standardise(self, raw: Tensor) -> Tensor:
        """Bring features (B, C, h, w) to mean 0 and deviation 1 per channel over the training images."""
        return (raw - self.mean[:, None, None]) / self.std[:, None, None]

    def tensors(self) -> dict[str, Tensor]:
        """What `from_tensors` needs besides the backbone: flat, contiguous, on the CPU."""
        tensors = {"mean": self.mean, "std": self.std}
        if self.projection is not None:
            tensors["projection"] = self.projection
        if self.grid is not None:
            tensors["grid"] = torch.tensor(self.grid)
        return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}

    @classmethod
    def from_tensors(cls, backbone: Backbone, tensors: Mapping[str, Tensor]) -> Teacher:
        """Rebuild a teacher that `tensors` described.

        Raises:
            ModelFolderError: The statistics are missing or belong to another backbone.
        """
        missing = {"mean", "std"} - set(tensors)
        if missing:
            raise ModelFolderError(f"The teacher lacks {', '.join(sorted(missing))}. Train the model again.")
        projection = tensors.get("projection")
        found = int(tensors["mean"].numel()) if projection is None else projection.shape[1]
        expected = backbone.channels[1] + backbone.channels[2]
        if found != expected:
            raise ModelFolderError(
                f"The teacher was fitted on {found} backbone channels, this backbone has {expected}. "
                "Load the backbone that the model was trained with."
            )
        rows, columns = tensors["grid"].tolist() if "grid" in tensors else (0, 0)
        return cls(backbone, tensors["mean"], tensors["std"], projection, (rows, columns) if rows else None)


class TeacherFit:
    """Measures the channel statistics of a teacher, a batch at a time.

    Args:
        backbone: Frozen pyramid, on the device to use.
        channels: Width of the teacher; stages that are wider together are projected down to it.
        seed: Seed of the projection.
        grid: Rows and columns of the features, or None for one cell per 8 pixels.
    """

    def __init__(self, backbone: Backbone, channels: int, seed: int, grid: tuple[int, int] | None = None) -> None:
        width = backbone.channels[1] + backbone.channels[2]
        projection = orthogonal_projection(width, channels, seed) if channels < width else None
        kept = min(channels, width)
        self._teacher = Teacher(backbone, torch.zeros(kept), torch.ones(kept), projection, grid)
        self._count = 0
        self._total = torch.zeros(kept, dtype=torch.float64)
        self._scatter = torch.zeros(kept, dtype=torch.float64)

    def combine(self, stages: list[Tensor], size: tuple[int, int]) -> Tensor:
        """Features before standardisation, float32 (B, C, h, w), of the backbone's stages of images (H, W)."""
        self._teacher.to(stages[0].device)
        return self._teacher.combine(stages, self._teacher.grid_of(*size))

    def add(self, stages: list[Tensor], size: tuple[int, int]) -> Tensor:
        """Take in training images.

        Args:
            stages: The backbone's, (B, C_s, H/s, W/s).
            size: Height and width of the images.

        Returns:
            What `combine` gives.
        """
        raw = self.combine(stages, size)
        values = raw.double().transpose(0, 1).flatten(1)  # (C, B * h * w)
        added = values.shape[1]
        mean = values.mean(dim=1).cpu()
        within = values.var(dim=1, correction=0).cpu() * added
        if self._count:
            shift = mean - self._total / self._count
            within += shift.square() * self._count * added / (self._count + added)
        self._scatter += within
        self._total += mean * added
        self._count += added
        return raw

    def build(self) -> Teacher:
        """The teacher.

        Raises:
            DatasetError: There was no image.
        """
        if not self._count:
            raise DatasetError("Found 0 training images for the teacher, expected at least 1. Add normal images.")
        std = (self._scatter / self._count).sqrt()
        floor = float(std.mean()) * LEAST_RELATIVE_DEVIATION
        self._teacher.mean.copy_(self._total / self._count)
        self._teacher.std.copy_(std.clamp_min(floor) if floor > 0 else torch.ones_like(std))
        return self._teacher


def resize(features: Tensor, grid: tuple[int, int]) -> Tensor:
    """Resize (B, C, h, w) bilinearly to `grid`; nothing to do when it already has that size."""
    if features.shape[-2:] == grid:
        return features
    return F.interpolate(features, size=grid, mode="bilinear", align_corners=False)
