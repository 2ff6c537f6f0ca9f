"""The floor to beat: one memory of random patches, and a threshold from out-of-fold scores of all good images."""

import math

import numpy as np
import torch
from torch import Tensor

from benchmarks.patches import distances

MEMORY = 8_000
LARGEST = 3
FOLDS = 5
TAIL_QUANTILE = 0.8
FALSE_REJECT_RATE = 0.01


def sketch(good: Tensor, test: Tensor, seed: int) -> tuple[np.ndarray, float]:
    """Fit on all good images and score others.

    Args:
        good: Patches of all good images that are no test images, float32 (N, P, C), N >= 5.
        test: Patches of the images to score, float32 (T, P, C).
        seed: Random seed for the folds and the memories.

    Returns:
        Scores (T,), and the threshold for 1 % of false rejects.
    """
    generator = torch.Generator().manual_seed(seed)
    fold = folds(len(good), generator)
    calibration = np.empty(len(good))
    for index in range(FOLDS):
        held_out = fold == index
        calibration[held_out.numpy()] = _scores(good[held_out], _memory(good[~held_out], generator))
    return _scores(test, _memory(good, generator)), exponential_threshold(calibration, FALSE_REJECT_RATE)


def folds(images: int, generator: torch.Generator) -> Tensor:
    """Which of the five folds each image is held out in, int64 (N,); their sizes differ by one at most."""
    return torch.randperm(images, generator=generator) % FOLDS


def exponential_threshold(scores: np.ndarray, rate: float) -> float:
    """The score that good products exceed at a rate, if excesses over the 80 % quantile are exponential.

    Args:
        scores: Scores of good images, float (N,).
        rate: Above 0, at most 0.2.
    """
    base = float(np.quantile(scores, TAIL_QUANTILE))
    excesses = scores[scores > base] - base
    mean = float(excesses.mean()) if len(excesses) else 0.0
    return base + mean * math.log((1 - TAIL_QUANTILE) / rate)


def image_score(patch_distances: Tensor) -> float:
    """Mean of the three largest distances."""
    return float(patch_distances.topk(min(LARGEST, len(patch_distances))).values.mean())


def _memory(images: Tensor, generator: torch.Generator) -> Tensor:
    patches = images.flatten(0, 1)
    return patches[torch.randperm(len(patches), generator=generator)[:MEMORY]]


def _scores(images: Tensor, memory: Tensor) -> np.ndarray:
    return np.array([image_score(distances(patches, memory)) for patches in images])
