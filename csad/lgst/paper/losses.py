"""Losses of the students (paper 3.4, after EfficientAD, arXiv:2303.14535).

With teacher T, local student S (heads S_1 and S_2), autoencoder A, squared distances D = (T(I) - S_1(I))^2 and penalty
images P: L_hard = mean of D at or above its quantile p_hard = 0.999, plus L_penalty = mean of S_1(P)^2, plus
L_AE = mean of (T(J) - A(J))^2 and L_STAE = mean of (A(J) - S_2(J))^2 on a colour-jittered image J.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

HARD_QUANTILE = 0.999
"""Only squared distances above this quantile teach the local student (paper 3.4)."""

JITTER_RANGE = (0.8, 1.2)
"""Factors of brightness, contrast and saturation (paper 3.4)."""

LUMA = (0.299, 0.587, 0.114)


def hard_feature_loss(target: Tensor, predicted: Tensor, quantile: float = HARD_QUANTILE) -> Tensor:
    """Mean of the squared distances at or above their quantile.

    Args:
        target: float32 (B, C, h, w), the teacher.
        predicted: float32, the same shape, the local student.
        quantile: Fraction of distances that are left out, 0 to 1.

    Returns:
        float32 scalar.
    """
    squared = (target - predicted).square().flatten()
    left_out = math.ceil(round(quantile * (squared.numel() - 1), 6))
    return squared.topk(squared.numel() - left_out, sorted=False).values.mean()


def penalty_loss(predicted: Tensor) -> Tensor:
    """Mean square of what the local student says about images that are not of the product.

    Args:
        predicted: float32 (B, C, h, w), its first head on penalty images.
    """
    return predicted.square().mean()


def imitation_loss(target: Tensor, predicted: Tensor) -> Tensor:
    """Mean squared difference of two maps of (B, C, h, w)."""
    return (target - predicted).square().mean()


def colour_jitter(images: Tensor, generator: torch.Generator) -> Tensor:
    """Change brightness, contrast or saturation of each image, one of the three, by a factor of 0.8 to 1.2.

    Args:
        images: float32 (B, 3, H, W) in 0..1.
        generator: CPU generator of the draws.

    Returns:
        float32 (B, 3, H, W) in 0..1.
    """
    kinds = torch.randint(3, (len(images),), generator=generator).tolist()
    factors = torch.empty(len(images)).uniform_(*JITTER_RANGE, generator=generator).tolist()
    changes = (adjust_brightness, adjust_contrast, adjust_saturation)
    return torch.stack([changes[k](image, f) for image, k, f in zip(images, kinds, factors, strict=True)])


def adjust_brightness(image: Tensor, factor: float) -> Tensor:
    """Blend (3, H, W) in 0..1 with black."""
    return (image * factor).clamp(0, 1)


def adjust_contrast(image: Tensor, factor: float) -> Tensor:
    """Blend (3, H, W) in 0..1 with its mean luma."""
    grey = luma(image).mean()
    return (grey + factor * (image - grey)).clamp(0, 1)


def adjust_saturation(image: Tensor, factor: float) -> Tensor:
    """Blend (3, H, W) in 0..1 with its own luma."""
    grey = luma(image)
    return (grey + factor * (image - grey)).clamp(0, 1)


def luma(image: Tensor) -> Tensor:
    """Luma (1, H, W) of an RGB image (3, H, W)."""
    weights = torch.tensor(LUMA, device=image.device, dtype=image.dtype)
    return (weights[:, None, None] * image).sum(dim=0, keepdim=True)
