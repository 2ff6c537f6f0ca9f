"""Time of mean shift on many components, with its bandwidth and its seeds included.

Run `python benchmarks/mean_shift_speed.py`, or with `--width 2048` for the features of a wide network.

The features are 40 kinds of parts of unequal frequency and spread, in a spectrum that falls as slowly as 1/k: less
favourable than a network's features, of which a few dozen directions hold nearly everything.
"""

import argparse
import time

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score

from csad.pseudo_labels.mean_shift import mean_shift, pairwise_quantile

PARTS = 40


def draw_components(count: int, width: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Draw features (count, width) and the kind of part of each."""
    generator = np.random.default_rng(seed)
    spectrum = np.arange(1, width + 1) ** -0.5
    kind = generator.choice(PARTS, count, p=generator.dirichlet(np.full(PARTS, 0.7)))
    centres = generator.normal(size=(PARTS, width))
    spread = generator.uniform(0.3, 0.8, size=(PARTS, 1))
    features = (centres[kind] + spread[kind] * generator.normal(size=(count, width))) * spectrum
    return features.astype(np.float32), kind


def main() -> None:
    """Print seconds, clusters and agreement with the kinds for some bandwidths."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--components", type=int, default=20_000)
    parser.add_argument("--width", type=int, default=320, help="features per component")
    parser.add_argument("--quantiles", type=float, nargs="+", default=[0.01, 0.03, 0.1])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    features, kind = draw_components(options.components, options.width, options.seed)
    for quantile in options.quantiles:
        wall, cpu = time.perf_counter(), time.process_time()
        bandwidth = pairwise_quantile(features, quantile, options.seed)
        modes = mean_shift(features, bandwidth, options.seed)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        agreement = adjusted_rand_score(kind, modes.labels)
        print(
            f"{len(features)} components of {options.width} numbers, quantile {quantile:g}: {wall:.1f} s "
            f"({cpu:.1f} s of processor time), {len(modes.centres)} clusters, adjusted Rand index {agreement:.2f}"
        )


if __name__ == "__main__":
    main()
