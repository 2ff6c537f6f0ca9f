"""Speed and memory of the two refinement filters against their plain definition, on 300 masks of 1600 x 1280.

Run `python benchmarks/refine_speed.py`.
"""

import argparse
import resource
import time

import numpy as np
from numpy.typing import NDArray

from csad.pseudo_labels.refine import OVERLAP, PackedMasks, filter_by_combine, filter_by_grounding

Masks = NDArray[np.bool_]


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
    return sorted(kept + [i for i in waiting if np.logical_and(union, masks[i]).sum() / masks[i].sum() < OVERLAP])


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


def main() -> None:
    """Print both timings, their ratio and the peak memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--masks", type=int, default=300)
    parser.add_argument("--size", type=int, nargs=2, default=(1280, 1600), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    masks = ellipses(options.masks, *options.size, seed=options.seed)
    semantic = masks[: options.masks // 10]

    started = time.perf_counter()
    packed = PackedMasks.pack(masks)
    fast = filter_by_grounding(packed, packed.select(range(len(semantic)))), filter_by_combine(packed)
    packed_seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20

    started = time.perf_counter()
    plain = plain_grounding(masks, semantic), plain_combine(masks)
    plain_seconds = time.perf_counter() - started

    print(f"{options.masks} masks of {options.size[1]}x{options.size[0]}, kept {len(fast[0])} and {len(fast[1])}")
    ratio = plain_seconds / packed_seconds
    print(f"packed {packed_seconds:.3f} s, plain {plain_seconds:.3f} s, {ratio:.1f} times faster")
    print(f"peak memory {peak:.2f} GiB, of which the masks themselves {masks.nbytes / 2**30:.2f} GiB")
    if fast != plain:
        raise SystemExit("the filters disagree with their definition")


if __name__ == "__main__":
    main()
