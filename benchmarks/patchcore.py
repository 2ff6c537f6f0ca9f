"""PatchCore (Roth et al. 2022) on the product's own weights: a coreset of patches, the largest distance as score.

Without the reweighting of the score by neighbours. Validation images choose the threshold: the largest of their scores.
"""

import numpy as np
import torch
from torch import Tensor

from benchmarks.patches import distances

CORESET = 4_000
POOL = 40_000
"""Patches drawn at random that the coreset is chosen from."""

PROJECTED = 48
"""Channels in which the coreset measures distances."""


def patchcore(train: Tensor, validation: Tensor, test: Tensor, seed: int) -> tuple[np.ndarray, float]:
    """Fit on normal images and score others.

    Args:
        train: Patches of normal images, float32 (N, P, C).
        validation: Patches of the normal images that choose the threshold, float32 (V, P, C), V >= 1.
        test: Patches of the images to score, float32 (T, P, C).
        seed: Random seed for the pool, the projection and the first patch.

    Returns:
        Scores (T,), and the threshold above which an image is rejected.
    """
    memory = coreset(train, seed)
    return scores(test, memory), float(scores(validation, memory).max())


def coreset(train: Tensor, seed: int) -> Tensor:
    """Choose the patches that stand for normal images.

    Args:
        train: Patches of normal images, float32 (N, P, C).
        seed: Random seed for the pool, the projection and the first patch.

    Returns:
        float32 (M, C), M = min(N * P, 4000).
    """
    generator = torch.Generator().manual_seed(seed)
    patches = train.flatten(0, 1)
    pool = patches[torch.randperm(len(patches), generator=generator)[:POOL]]
    return pool[k_center(pool, CORESET, generator)]


def k_center(points: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Choose points that cover the others: each next one is the farthest from those before it.

    Args:
        points: float32 (N, C).
        size: Points to choose, at most; all where there are no more.
        generator: Draws the projection to 48 channels and the first point.

    Returns:
        Indices, int64 (min(N, size),).
    """
    if len(points) <= size:
        return torch.arange(len(points))
    if points.shape[1] > PROJECTED:
        points = points @ torch.randn(points.shape[1], PROJECTED, generator=generator)
    norms = points.square().sum(dim=1)
    chosen = [int(torch.randint(len(points), (1,), generator=generator))]
    nearest = torch.full((len(points),), torch.inf)
    while len(chosen) < size:
        latest = points[chosen[-1]]
        nearest = torch.minimum(nearest, norms - 2 * (points @ latest) + norms[chosen[-1]])
        chosen.append(int(nearest.argmax()))
    return torch.tensor(chosen)


def scores(images: Tensor, memory: Tensor) -> np.ndarray:
    """Largest distance of an image's patches, float32 (T, P, C), to the nearest of a memory, float32 (M, C): (T,)."""
    return np.array([float(distances(patches, memory).max()) for patches in images])
