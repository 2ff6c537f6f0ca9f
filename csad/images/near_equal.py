"""Which good images are near-equal: bursts of one product, re-encoded copies, frames of a stopped belt.

Such images are one independent sample, not several: on both sides of a split they make a threshold that rejects every
other product. Two images belong together when their thumbnails differ by far less than images of the line usually do.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

NEAR = 0.1
"""Largest difference of near-equal images, as a fraction of the usual one; on six real lines the least was 0.10."""

NEAR_LEVELS = 1.5
"""Never more grey levels (0..255, root mean square) than these; on six real lines the least difference was 2.2."""

USUAL_QUANTILE = 0.75
"""Pairs within long bursts do not lower the usual difference until they are three quarters of all pairs."""

SAMPLE = 512
"""Images at most, evenly from all, that show the usual difference."""

BLOCK = 1024
"""Images compared with all others at once: bounds the memory."""

Thumbnails = NDArray[np.uint8]


def group_near_equal(thumbnails: Thumbnails, digests: Sequence[str]) -> NDArray[np.int64]:
    """Group images that are near-equal, directly or through others.

    Args:
        thumbnails: RGB thumbnails, uint8 (N, S, S, 3).
        digests: Content digest of each file: equal files are always one group.

    Returns:
        Number of the group of each image, 0 and up in the order of their first images, int64 (N,).
    """
    count = len(digests)
    if count == 0:
        return np.zeros(0, np.int64)
    flat = _centred(thumbnails)
    limit = min(NEAR * _usual_difference(flat), NEAR_LEVELS)
    rows, columns = [], []
    for start in range(0, count, BLOCK):
        row, column = np.nonzero(differences(flat[start : start + BLOCK], flat) < limit)
        rows.append(row + start)
        columns.append(column)
    first: dict[str, int] = {}
    rows.append(np.arange(count))
    columns.append(np.array([first.setdefault(digest, index) for index, digest in enumerate(digests)]))
    row, column = np.concatenate(rows), np.concatenate(columns)
    from scipy.sparse import coo_array  # only whole data sets are grouped
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(row), np.bool_), (row, column)), shape=(count, count))
    _, labels = connected_components(links, directed=False)
    _, firsts, inverse = np.unique(labels, return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(firsts))
    return order[inverse].astype(np.int64)


def nearest_others(thumbnails: Thumbnails, groups: NDArray[np.int64]) -> NDArray[np.float64]:
    """Difference of each image to the nearest image of another group, in grey levels, float64 (N,).

    It is infinite where there is no other group.
    """
    flat = _centred(thumbnails)
    nearest = np.full(len(flat), np.inf)
    for start in range(0, len(flat), BLOCK):
        found = differences(flat[start : start + BLOCK], flat).astype(np.float64)
        found[groups[start : start + BLOCK, None] == groups[None, :]] = np.inf
        nearest[start : start + BLOCK] = found.min(axis=1, initial=np.inf)
    return nearest


def nearest_in(thumbnails: Thumbnails, others: Thumbnails) -> NDArray[np.float64]:
    """Difference of each thumbnail, uint8 (N, S, S, 3), to the nearest of some others, in grey levels, float64 (N,)."""
    flat = _centred(np.concatenate([thumbnails, others]))
    mine, theirs = flat[: len(thumbnails)], flat[len(thumbnails) :]
    starts = range(0, len(mine), BLOCK)
    return np.concatenate([differences(mine[start : start + BLOCK], theirs).min(axis=1) for start in starts]).astype(
        float
    )


def differences(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """Root mean square differences of all pairs of rows: float32 (M, D) and (N, D) to (M, N)."""
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None, :] - 2 * left @ right.T
    result: NDArray[np.float32] = np.sqrt(np.maximum(squares, 0) / left.shape[1])
    return result


def _centred(thumbnails: Thumbnails) -> NDArray[np.float32]:
    """Rows without what all images share: the squares of small differences would drown in it."""
    flat = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    centred: NDArray[np.float32] = flat - flat.mean(axis=0)
    return centred


def _usual_difference(flat: NDArray[np.float32]) -> float:
    sample = flat[:: -(-len(flat) // SAMPLE)]
    pairs = differences(sample, sample)[np.triu_indices(len(sample), 1)]
    return float(np.quantile(pairs, USUAL_QUANTILE)) if len(pairs) else 0.0
