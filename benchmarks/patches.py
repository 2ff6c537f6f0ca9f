"""Patch features that the baselines share: the embedded backbone's stages 2 and 3, averaged over 3 x 3 patches."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from csad.features.backbone import Backbone
from csad.images.reading import read_rgb
from csad.imaging.canvas_store import to_tensor

SIDE = 256
"""Pixels of the square that every image is resized to."""

BATCH = 8


def describe(backbone: Backbone, paths: Sequence[Path]) -> Tensor:
    """Describe images by their patches.

    Args:
        backbone: Pyramid of at least three stages.
        paths: Image files, N.

    Returns:
        float32 (N, P, C), one patch per 8 x 8 pixels of the resized image.
    """
    found = []
    for start in range(0, len(paths), BATCH):
        pixels = np.stack([square(read_rgb(path)) for path in paths[start : start + BATCH]])
        found.append(describe_squares(backbone, pixels))
    return torch.cat(found)


def describe_squares(backbone: Backbone, pixels: np.ndarray) -> Tensor:
    """Describe images of the right size, uint8 (B, 256, 256, 3), by their patches, float32 (B, P, C)."""
    stages = backbone(to_tensor(pixels))
    return join_stages(stages[1], stages[2]).flatten(2).transpose(1, 2)


def join_stages(fine: Tensor, coarse: Tensor) -> Tensor:
    """Average each stage over 3 x 3 cells, bring both to the finer grid and stack their channels.

    Args:
        fine: float32 (B, C2, h, w).
        coarse: float32 (B, C3, h / 2, w / 2).

    Returns:
        float32 (B, C2 + C3, h, w).
    """
    fine, coarse = (functional.avg_pool2d(stage, 3, 1, 1, count_include_pad=False) for stage in (fine, coarse))
    resized = functional.interpolate(coarse, size=fine.shape[-2:], mode="bilinear", align_corners=False)
    return torch.cat([fine, resized], dim=1)


def distances(patches: Tensor, memory: Tensor) -> Tensor:
    """Euclidean distance of each patch (P, C) to the nearest of a memory (M, C): (P,)."""
    squared = torch.addmm(memory.square().sum(dim=1), patches, memory.T, alpha=-2).amin(dim=1)
    return (squared + patches.square().sum(dim=1)).clamp_min(0).sqrt()


def square(image: np.ndarray) -> np.ndarray:
    """Resize an image, uint8 (H, W, 3), to uint8 (256, 256, 3)."""
    return np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
