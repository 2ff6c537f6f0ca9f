"""Mild geometric and photometric changes of training canvases, labels alongside (paper 3.2).

The draws are made on the CPU, the pictures stay on their device.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

MAXIMUM_SHIFT = 0.03
"""Fraction of the canvas side."""
MAXIMUM_SCALE = 0.05
MAXIMUM_ANGLE = 5.0
"""Degrees."""
MAXIMUM_BRIGHTNESS = 0.15


def random_affine(count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """Draw `count` small shifts, scales and rotations as sampling matrices (count, 2, 3) for `affine_grid`."""

    def draw(limit: float) -> Tensor:
        return (torch.rand(count, generator=generator) * 2 - 1) * limit

    angle = torch.deg2rad(draw(MAXIMUM_ANGLE))
    scale = 1 + draw(MAXIMUM_SCALE)
    aspect = width / height
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    rows = [
        torch.stack([cosine, -sine / aspect, draw(2 * MAXIMUM_SHIFT)], dim=1),
        torch.stack([sine * aspect, cosine, draw(2 * MAXIMUM_SHIFT)], dim=1),
    ]
    return torch.stack(rows, dim=1)


def warp_images(images: Tensor, matrices: Tensor) -> Tensor:
    """Warp images (B, 3, H, W) bilinearly; outside, the border is repeated."""
    grid = functional.affine_grid(matrices.to(images.device), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def warp_labels(labels: Tensor, matrices: Tensor, stride: int) -> Tensor:
    """Warp label maps (B, H, W) to the nearest label at every `stride`-th pixel: int64 (B, H/stride, W/stride)."""
    batch, height, width = labels.shape
    size = [batch, 1, height // stride, width // stride]
    grid = functional.affine_grid(matrices.to(labels.device), size, align_corners=False)
    sampled = functional.grid_sample(
        labels.unsqueeze(1).float(), grid, mode="nearest", padding_mode="border", align_corners=False
    )
    return sampled.squeeze(1).long()


def random_brightness(images: Tensor, generator: torch.Generator) -> Tensor:
    """Scale each image's brightness by up to 15 %, clipped to 0..1."""
    factor = 1 + (torch.rand(len(images), 1, 1, 1, generator=generator) * 2 - 1) * MAXIMUM_BRIGHTNESS
    return (images * factor.to(images.device)).clamp(0, 1)
