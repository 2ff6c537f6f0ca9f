"""Refinement of object proposals (paper 3.1, figure 13): which of the proposed masks are components.

X_seg are the proposals, X_sem the open-vocabulary masks, X_ref what is left. Filter-by-grounding keeps m of X_seg when
|X_sem and m| / |m| > 0.9; filter-by-combine visits masks from small to large with the union U of those kept.

Both filters work on bitsets, 64 pixels a word, so that 300 masks of 1600 x 1280 cost little more than reading them
once. Whoever applies both filters to the same masks packs them first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

OVERLAP = 0.9
"""Fraction of the smaller set above which two sets of pixels are the same thing (paper 3.1)."""

Bitset = NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class PackedMasks:
    """Masks of one image at an eighth of their memory.

    Attributes:
        bitsets: One uint64 array per mask, 64 pixels a word in row order, the rest of the last word zero.
        areas: Pixels per mask, int64 (N,).
    """

    bitsets: tuple[Bitset, ...]
    areas: NDArray[np.int64]

    @classmethod
    def pack(cls, masks: Iterable[NDArray[np.bool_]]) -> Self:
        """Pack masks bool (H, W) of one size, an array (N, H, W) or one after the other."""
        bitsets = tuple(_pack(mask) for mask in masks)
        return cls(bitsets, np.array([_count(bitset) for bitset in bitsets], dtype=np.int64))

    def select(self, indices: Iterable[int]) -> Self:
        """Return some of the masks, in the given order."""
        chosen = list(indices)
        return type(self)(tuple(self.bitsets[index] for index in chosen), self.areas[chosen])


def filter_by_grounding(
    proposals: NDArray[np.bool_] | PackedMasks,
    semantic: NDArray[np.bool_] | PackedMasks,
    threshold: float = OVERLAP,
) -> list[int]:
    """Keep the proposals that lie on the open-vocabulary masks.

    Proposal m is kept when |X_sem and m| / |m| > threshold, X_sem the union of the open-vocabulary masks.

    Args:
        proposals: Object proposals, bool (N, H, W) or packed.
        semantic: Open-vocabulary masks, bool (M, H, W) or packed; without any, nothing is kept.
        threshold: Fraction of a proposal that must be covered.

    Returns:
        Indices of the kept proposals, ascending. An empty proposal is never kept.
    """
    candidates, grounding = _packed(proposals), _packed(semantic)
    if not grounding.bitsets:
        return []
    union = grounding.bitsets[0].copy()
    for bitset in grounding.bitsets[1:]:
        union |= bitset
    return [
        index
        for index, (bitset, area) in enumerate(zip(candidates.bitsets, candidates.areas.tolist(), strict=True))
        if area and _count(bitset & union) / area > threshold
    ]


def filter_by_combine(masks: NDArray[np.bool_] | PackedMasks, threshold: float = OVERLAP) -> list[int]:
    """Drop the masks that only repeat or unite smaller ones.

    The masks are visited from small to large (equal areas in their order) with the union U of those kept so far. A
    mask m is kept when it is the first or when |U and m| / min(|U|, |m|) < threshold, and joins U; otherwise it waits.
    At the end the waiting masks get a second chance in the same order: one is kept when |U and m| / |m| < threshold,
    since enough of it is new, and joins U, too.

    Args:
        masks: Proposals of one image, bool (N, H, W) or packed.
        threshold: Overlap from which a mask is redundant.

    Returns:
        Indices of the kept masks, ascending. An empty mask is never kept.
    """
    packed = _packed(masks)
    areas: list[int] = packed.areas.tolist()
    order = [index for index in np.argsort(packed.areas, kind="stable").tolist() if areas[index]]
    if not order:
        return []
    kept, waiting = order[:1], []
    union, union_area = packed.bitsets[order[0]].copy(), areas[order[0]]
    for index in order[1:]:
        shared = _count(union & packed.bitsets[index])
        if shared / min(union_area, areas[index]) < threshold:
            union |= packed.bitsets[index]
            union_area += areas[index] - shared
            kept.append(index)
        else:
            waiting.append(index)
    for index in waiting:
        if _count(union & packed.bitsets[index]) / areas[index] < threshold:
            union |= packed.bitsets[index]
            kept.append(index)
    return sorted(kept)


def _packed(masks: NDArray[np.bool_] | PackedMasks) -> PackedMasks:
    return masks if isinstance(masks, PackedMasks) else PackedMasks.pack(masks)


def _pack(mask: NDArray[np.bool_]) -> Bitset:
    packed = np.packbits(np.asarray(mask, dtype=bool).ravel())
    bitset = np.zeros(-(-packed.size // 8), dtype=np.uint64)
    bitset.view(np.uint8)[: packed.size] = packed
    return bitset


def _count(bitset: Bitset) -> int:
    return int(np.bitwise_count(bitset).sum(dtype=np.int64))
