"""Speed and memory of the two refinement filters against their plain definition, on 300 masks of 1600 x 1280.

Masks come as arrays, or as run-lengths that are drawn one after the other, as the foundation models hand them over.
Run `python -m benchmarks.refine_speed`; it fails where a target is missed.
"""

import argparse
import resource
import time
import tracemalloc
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from csad.proposals.refine import OVERLAP, PackedMasks, filter_by_combine, filter_by_grounding

if TYPE_CHECKING:
    from csad.proposals.regions import Region

Masks = NDArray[np.bool_]
Kept = tuple[list[int], list[int]]
LEAST_SPEEDUP = 10
MOST_MEMORY = 1.0
"""GiB, the masks themselves included."""


def plain_grounding(proposals: Masks, semantic: Masks) -> list[int]:
    """Evaluate the definition word by word."""
    union = np.any(semantic, axis=0)
    return [i for i, m in enumerate(proposals) if m.sum() and np.logical_and(union, m).sum() / m.sum() > OVERLAP]


def plain_combine(masks: Masks) -> list[int]:
    """Evaluate the definition word by word."""
    order = [i for i in sorted(range(len(masks)), key=lambda i: masks[i].sum()) if masks[i].any()]
    union = np.zeros(masks.shape[1:], dtype=bool)
    kept, waiting = [], []
    for i in order:
        m = masks[i]
        if not kept or np.logical_and(union, m).sum() / min(union.sum(), m.sum()) < OVERLAP:
            union = np.logical_or(union, m)
            kept.append(i)
        else:
            waiting.append(i)
    for i in waiting:
        m = masks[i]
        if np.logical_and(union, m).sum() / m.sum() < OVERLAP:
            union = np.logical_or(union, m)
            kept.append(i)
    return sorted(kept)


def ellipses(count: int, height: int, width: int, seed: int) -> Masks:
    """Draw masks like an automatic mask generator's: ellipses of all sizes, bool (count, height, width)."""
    generator = np.random.default_rng(seed)
    y, x = np.ogrid[:height, :width]
    masks = np.empty((count, height, width), dtype=bool)
    for mask in masks:
        radius = np.exp(generator.uniform(np.log(12), np.log(height / 3), size=2))
        centre = generator.uniform((0, 0), (height, width))
        mask[:] = ((y - centre[0]) / radius[0]) ** 2 + ((x - centre[1]) / radius[1]) ** 2 <= 1
    return masks


def refine(masks: PackedMasks, semantic: int) -> Kept:
    """Apply both filters; the first `semantic` masks are the open-vocabulary ones."""
    return filter_by_grounding(masks, masks.select(range(semantic))), filter_by_combine(masks)


def timed(work: Callable[[], Kept]) -> tuple[Kept, float]:
    """Return what the work gives and its seconds."""
    started = time.perf_counter()
    kept = work()
    return kept, time.perf_counter() - started


def region_of(mask: Masks) -> "Region":
    """Hold a mask (H, W) as run-lengths."""
    # Imported after the peak was read: it brings torch, whose memory is not the filters'.
    from csad.proposals.regions import Region

    return Region.of(np.ones((1, 1), dtype=bool), 0, 0, 1.0).redrawn(mask, 0, 0)


def main() -> None:
    """Print the timings, their ratios and the peak memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--masks", type=int, default=300)
    parser.add_argument("--size", type=int, nargs=2, default=(1280, 1600), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    size, semantic = (options.size[0], options.size[1]), options.masks // 10
    masks = ellipses(options.masks, *size, seed=options.seed)
    fast, packed_seconds = timed(lambda: refine(PackedMasks.pack(masks), semantic))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    plain, plain_seconds = timed(
        lambda: (plain_grounding(masks, masks[:semantic]), plain_combine(masks)),
    )
    regions = [region_of(mask) for mask in masks]
    drawn, run_length_seconds = timed(
        lambda: refine(PackedMasks.pack(region.mask(size) for region in regions), semantic)
    )
    tracemalloc.start()
    refine(PackedMasks.pack(region.mask(size) for region in regions), semantic)
    _, run_length_peak = tracemalloc.get_traced_memory()

    ratio = plain_seconds / packed_seconds
    print(f"{options.masks} masks of {size[1]}x{size[0]}, kept {len(fast[0])} and {len(fast[1])}")
    print(f"packed {packed_seconds:.3f} s, plain {plain_seconds:.3f} s, {ratio:.1f} times faster")
    print(f"peak memory {peak:.2f} GiB, of which the masks themselves {masks.nbytes / 2**30:.2f} GiB")
    print(f"from run-lengths {run_length_seconds:.3f} s, peak {run_length_peak / 2**20:.0f} MiB")
    if not fast == plain == drawn:
        raise SystemExit("the filters disagree with their definition")
    if ratio < LEAST_SPEEDUP or peak > MOST_MEMORY:
        raise SystemExit(f"expected at least {LEAST_SPEEDUP} times faster in at most {MOST_MEMORY} GiB")


if __name__ == "__main__":
    main()
