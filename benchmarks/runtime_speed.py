"""How fast each runtime scores, against torch: the whole scorer with map and explanations, from decoded images.

    python -m benchmarks.runtime_speed MODEL --images examples/fastener_kit/data/test --threads 1 2

The runtimes take turns on each image, so that a machine that is busy for a while slows all of them; only the ratios
count. Beside the time of the clock stands that of the processors, which other programs hardly change.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
import torch

from csad.common.errors import RuntimeRefused
from csad.common.tables import table
from csad.images import read_rgb
from csad.images.walking import walk
from csad.scoring.runtimes.names import RUNTIMES, TORCH
from csad.scoring.scorer import Scorer

BATCH = 8
TARGET = 0.40
"""Time of one image by the best runtime, as a fraction of torch's."""

Image = np.ndarray


@dataclass
class Taken:
    """Seconds of single calls, by the clock and of the processors."""

    clock: list[float] = field(default_factory=list)
    processors: list[float] = field(default_factory=list)

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure the block."""
        clock, processors = time.perf_counter(), time.process_time()
        yield
        self.clock.append(time.perf_counter() - clock)
        self.processors.append(time.process_time() - processors)


def measure(scorers: dict[str, Scorer], threads: int, batches: Sequence[Sequence[Image]]) -> dict[str, Taken]:
    """Have the scorers take turns on batches of images, each with so many threads."""
    taken = {name: Taken() for name in scorers}
    for turn, batch in enumerate(batches):
        names = list(scorers)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            scorers[name].runtime.use_threads(threads)
            with taken[name].measured():
                scorers[name].score_batch(batch)
    return taken


def loaded(model: Path, threads: int) -> dict[str, Scorer]:
    """The model in every runtime that can compute it; says which cannot, and why."""
    scorers = {}
    for name in (TORCH, *(name for name in RUNTIMES if name != TORCH)):
        try:
            scorers[name] = Scorer.load(model, runtime=name, threads=threads)
        except RuntimeRefused as refusal:
            print(f"{name} is left out: {refusal}")
    return scorers


def rows(taken: dict[str, Taken], images: int) -> list[tuple[str, ...]]:
    """Milliseconds per image and ratios to torch."""

    def per_image(seconds: Sequence[float]) -> float:
        return 1000 * median(seconds) / images

    base = taken[TORCH]
    return [
        (
            name,
            f"{per_image(one.clock):.1f}",
            f"{median(one.clock) / median(base.clock):.2f}",
            f"{per_image(one.processors):.1f}",
            f"{median(one.processors) / median(base.processors):.2f}",
        )
        for name, one in taken.items()
    ]


def furthest(scorers: dict[str, Scorer], images: Sequence[Image]) -> dict[str, float]:
    """Largest difference of a score from torch's, relative to it."""
    right = np.array([score.value for score in scorers[TORCH].score_batch(images)])
    return {
        name: float(np.abs(np.array([score.value for score in scorer.score_batch(images)]) / right - 1).max())
        for name, scorer in scorers.items()
        if name != TORCH
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--images", type=Path, required=True, help="folder of images")
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--rounds", type=int, default=30, help="timed calls of each runtime")
    options = parser.parse_args()
    torch.set_num_threads(max(options.threads))
    found = walk(options.images).images
    images = [read_rgb(path) for path in found[:: max(1, len(found) // 16)][:16]]
    head = ("runtime", "ms/image", "/ torch", "processor ms", "/ torch")
    for threads in options.threads:
        scorers = loaded(options.model, threads)
        endless = itertools.cycle(images)
        singles = [[next(endless)] for _ in range(options.rounds)]
        eights = [[next(endless) for _ in range(BATCH)] for _ in range(max(3, options.rounds // 4))]
        measure(scorers, threads, singles[:2])
        for title, batches in ((f"one image, {threads} threads", singles), (f"batches of {BATCH}", eights)):
            taken = measure(scorers, threads, batches)
            print(f"\n{title}, {len(batches)} rounds")
            print(table(head, rows(taken, len(batches[0]))))
            if title.startswith("one"):
                best = min(median(one.processors) for one in taken.values()) / median(taken[TORCH].processors)
                print(f"best runtime / torch: {best:.2f} (target {TARGET:.2f})")
        for name, error in furthest(scorers, images).items():
            print(f"{name}: scores differ from torch's by at most {error:.0e}")


if __name__ == "__main__":
    main()
