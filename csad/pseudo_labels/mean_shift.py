"""Mean shift with a flat kernel for tens of thousands of components (paper 3.1; doi:10.1109/34.1000236).

The result is that of scikit-learn's `MeanShift(bin_seeding=False)`: every seed climbs to the mean of the points within
the bandwidth until it rests, resting places within a bandwidth of a busier one give way to it, a point belongs to the
nearest that remain. What differs is the work:

- above `EXHAUSTIVE` points, distances are taken in the principal subspace that holds 99.9 % of the variance, and the
  seeds are a cover (every point lies within a bandwidth of a seed) with a random sample;
- all seeds climb together in matrix products, and seeds that see the same points are one seed from then on.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

EXHAUSTIVE = 2000
"""Up to this many points, every point is a seed and no feature is dropped."""

EXPLAINED_VARIANCE = 0.999

SAMPLE = 1000
"""Random seeds beside the cover."""

PAIRS_FROM = 1500
"""Points whose pairwise distances stand for all."""

ITERATIONS = 300
STOP = 1e-3
"""A seed rests when it moves by less than this fraction of the bandwidth."""

CHUNK = 2**24
"""Distances held at a time, 64 MB."""

Array = NDArray[np.float32]


class Modes(NamedTuple):
    """Result of mean shift.

    Attributes:
        labels: Nearest centre of each point, int64 (N,), 0..K-1.
        centres: float32 (K, C), the centre with most points around it first.
    """

    labels: NDArray[np.int64]
    centres: Array


def pairwise_quantile(features: NDArray[np.floating], quantile: float, seed: int) -> float:
    """Derive a bandwidth from the distances between points, whatever their scale.

    Args:
        features: (N, C).
        quantile: 0..1; smaller gives more clusters.
        seed: Draws the points that stand for all when there are many.

    Returns:
        The quantile of the pairwise distances; where so many points coincide that it is 0, the smallest distance
        above 0; 1 where all points coincide or there is one.
    """
    points = np.asarray(features, dtype=np.float64)
    if len(points) > PAIRS_FROM:
        points = points[np.random.default_rng(seed).choice(len(points), PAIRS_FROM, replace=False)]
    distances = pdist(points) if len(points) > 1 else np.zeros(1)
    bandwidth = float(np.quantile(distances, quantile))
    if bandwidth > 0:
        return bandwidth
    positive = distances[distances > 0]
    return float(positive.min()) if positive.size else 1.0


def mean_shift(features: NDArray[np.floating], bandwidth: float, seed: int) -> Modes:
    """Cluster points around the modes of their density.

    Args:
        features: Finite, (N, C) with N at least 1.
        bandwidth: Radius of the flat kernel, above 0.
        seed: Draws the seeds when there are more than 2,000 points.

    Returns:
        Labels and centres; the number of clusters follows from the bandwidth.

    Raises:
        ValueError: No points, or a bandwidth that is not above 0.
    """
    if len(features) == 0 or not bandwidth > 0:
        raise ValueError(f"mean shift of {len(features)} points, bandwidth {bandwidth}; expected points, and above 0")
    original = np.asarray(features, dtype=np.float32)
    centred = original - original.mean(axis=0, dtype=np.float64).astype(np.float32)
    points = centred if len(original) <= EXHAUSTIVE else _principal_subspace(centred)
    # Below the rounding of float32 distances a point would not even see itself.
    rounding = 4 * np.sqrt(np.finfo(np.float32).eps) * float(np.linalg.norm(points, axis=1).max())
    bandwidth = max(bandwidth, rounding)
    seeds = points if len(original) <= EXHAUSTIVE else points[_seed_indices(points, bandwidth, seed)]
    resting, intensities = _climb(np.unique(seeds, axis=0), points, bandwidth)
    modes = _without_neighbours(resting, intensities, bandwidth)
    labels = _nearest(points, modes)
    occupied, labels = np.unique(labels, return_inverse=True)
    return Modes(labels.reshape(-1).astype(np.int64), _means(original, points, modes[occupied], bandwidth))


def _principal_subspace(centred: Array) -> Array:
    """Turn centred features onto the axes that together hold `EXPLAINED_VARIANCE`."""
    variance, axes = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    variance, axes = np.maximum(variance[::-1], 0), axes[:, ::-1]
    if variance[0] == 0:
        return centred[:, :1]
    kept = int(np.searchsorted(np.cumsum(variance) / variance.sum(), EXPLAINED_VARIANCE)) + 1
    return centred @ np.ascontiguousarray(axes[:, :kept], dtype=np.float32)


def _squared_distances(left: Array, right: Array) -> Array:
    """Squared Euclidean distances (L, R); slightly below 0 where points coincide."""
    products = left @ right.T
    products *= -2
    products += np.einsum("ij,ij->i", left, left)[:, None]
    products += np.einsum("ij,ij->i", right, right)
    return products


def _seed_indices(points: Array, bandwidth: float, seed: int) -> NDArray[np.int64]:
    """Points such that every other lies within a bandwidth of one, and a random sample."""
    order = np.random.default_rng(seed).permutation(len(points))
    radius = np.float32(bandwidth**2)
    cover: list[int] = []
    for block in np.array_split(order, -(-len(order) // 512)):
        free = block
        for chosen in _chunks(np.array(cover, dtype=np.int64), len(block)):
            free = free[(_squared_distances(points[free], points[chosen]) > radius).all(axis=1)]
        near = _squared_distances(points[free], points[free]) <= radius
        uncovered = np.ones(len(free), dtype=bool)
        for position, index in enumerate(free.tolist()):
            if uncovered[position]:
                cover.append(index)
                uncovered &= ~near[position]
    return np.union1d(cover, order[:SAMPLE])


def _climb(seeds: Array, points: Array, bandwidth: float) -> tuple[Array, NDArray[np.int64]]:
    """Move every seed to the mean of the points around it until all rest.

    Returns:
        Resting places (S, d) and the number of points around each (S,).
    """
    # A set of points is known by the sum of random whole numbers, one per point: exact in float64.
    keys = np.random.default_rng(0).integers(1, 2**31, size=len(points)).astype(np.float64)
    moving, resting, intensities = seeds, [seeds[:0]], [np.zeros(0, dtype=np.int64)]
    for iteration in range(ITERATIONS + 1):
        means, counts, sets = _neighbourhoods(moving, points, bandwidth, keys)
        occupied = counts > 0
        means, counts, sets, moving = means[occupied], counts[occupied], sets[occupied], moving[occupied]
        rests = np.linalg.norm(means - moving, axis=1) <= STOP * bandwidth
        if iteration == ITERATIONS:
            rests[:] = True
        resting.append(means[rests])
        intensities.append(counts[rests])
        _, distinct = np.unique(sets[~rests], return_index=True)
        moving = means[~rests][distinct]
        if len(moving) == 0:
            break
    return np.concatenate(resting), np.concatenate(intensities)


def _neighbourhoods(
    centres: Array, points: Array, bandwidth: float, keys: NDArray[np.float64]
) -> tuple[Array, NDArray[np.int64], NDArray[np.float64]]:
    """Mean, number and key of the points within a bandwidth of each centre."""
    means = np.zeros_like(centres)
    counts = np.zeros(len(centres), dtype=np.int64)
    sets = np.zeros(len(centres), dtype=np.float64)
    radius = np.float32(bandwidth**2)
    for rows in _chunks(np.arange(len(centres)), len(points)):
        near = _squared_distances(centres[rows], points) <= radius
        counts[rows] = np.count_nonzero(near, axis=1)
        sets[rows] = near @ keys
        means[rows] = near.astype(np.float32) @ points / np.maximum(counts[rows], 1)[:, None].astype(np.float32)
    return means, counts, sets


def _without_neighbours(centres: Array, intensities: NDArray[np.int64], bandwidth: float) -> Array:
    """Keep a resting place unless a busier one, or an equal one of greater coordinates, lies within the bandwidth."""
    centres, first = np.unique(centres, axis=0, return_index=True)
    order = np.argsort(-intensities[first][::-1], kind="stable")
    ranked = centres[::-1][order]
    alone = np.ones(len(ranked), dtype=bool)
    for rows in _chunks(np.arange(len(ranked)), len(ranked)):
        candidates = rows[alone[rows]]
        near = _squared_distances(ranked[candidates], ranked) <= np.float32(bandwidth**2)
        for position, index in enumerate(candidates.tolist()):
            if alone[index]:
                alone[index + 1 :] &= ~near[position, index + 1 :]
    return ranked[alone]


def _nearest(points: Array, centres: Array) -> NDArray[np.int64]:
    labels = np.zeros(len(points), dtype=np.int64)
    for rows in _chunks(np.arange(len(points)), len(centres)):
        labels[rows] = _squared_distances(points[rows], centres).argmin(axis=1)
    return labels


def _means(original: Array, points: Array, centres: Array, bandwidth: float) -> Array:
    """Mean of the original features of the points within a bandwidth of each centre, (K, C)."""
    means = np.zeros((len(centres), original.shape[1]), dtype=np.float32)
    for rows in _chunks(np.arange(len(centres)), len(points)):
        near = (_squared_distances(centres[rows], points) <= np.float32(bandwidth**2)).astype(np.float32)
        means[rows] = near @ original / np.maximum(near.sum(axis=1, keepdims=True), 1)
    return means


def _chunks(indices: NDArray[np.int64], row: int) -> list[NDArray[np.int64]]:
    """Split indices so that a chunk of rows of this length stays within `CHUNK`."""
    if len(indices) == 0:
        return []
    return np.array_split(indices, -(-len(indices) * row // CHUNK) or 1)
