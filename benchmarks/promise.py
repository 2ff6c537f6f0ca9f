"""Whether thresholds keep the false-reject rate that they promise: by resampling the good scores of trained models.

Run `python -m benchmarks.promise MODEL ...`. Each draw divides the good scores of a model at random: one half chooses
the threshold, the other half is judged by it. The promise holds in a draw if the promised rate lies in the 95 %
interval of the rate at which that half is rejected, or above it. Printed are the draws in which it holds and the mean
false-reject rate; in brackets the same for as many scores of an exponential law, whose tail is as assumed, for even
then a half shows its quantile with an error of its own. All of it is about good images like these, with the networks
and the fusion as they are; what another day brings, resampling cannot show.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from csad.common.errors import CsadError
from csad.common.tables import markdown_table
from csad.config.line import ProductLine
from csad.metrics.threshold import choose_threshold, rate_interval
from csad.scoring.model_folder import read_manifest

RATES = (0.01, 0.05)
SEED = 0


@dataclass(frozen=True)
class Kept:
    """What the draws of one model gave for one rate.

    Attributes:
        images: Good scores.
        promised: The rate that the threshold of a half promises, 0..1.
        held: Fraction of the draws in which the promise held, 0..1.
        mean_rate: Mean false-reject rate of the judged halves, 0..1.
    """

    images: int
    promised: float
    held: float
    mean_rate: float


def resample(scores: Sequence[float], rate: float, draws: int, generator: np.random.Generator) -> Kept:
    """Divide good scores into halves again and again.

    Args:
        scores: Good scores, (N,), N at least 4.
        rate: False-reject rate that is asked for, 0..1.
        draws: Divisions.
        generator: Source of randomness.
    """
    values = np.asarray(scores, dtype=np.float64)
    chosen = len(values) // 2
    judged = len(values) - chosen
    held, rejected, promised = 0, 0, rate
    for _ in range(draws):
        order = generator.permutation(len(values))
        threshold = choose_threshold(values[order[:chosen]], rate)
        promised = threshold.promised_rate
        count = int((values[order[chosen:]] > threshold.value).sum())
        held += rate_interval(count, judged)[0] <= promised
        rejected += count
    return Kept(len(values), promised, held / draws, rejected / (draws * judged))


def resample_exponential(count: int, rate: float, draws: int, generator: np.random.Generator) -> Kept:
    """The same for scores of an exponential law, drawn anew each time."""
    kept = [resample(generator.exponential(size=count), rate, 1, generator) for _ in range(draws)]
    held, mean_rate = (float(np.mean([getattr(one, name) for one in kept])) for name in ("held", "mean_rate"))
    return Kept(count, kept[0].promised, held, mean_rate)


def main() -> None:
    """Resample and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL", help="model folder")
    parser.add_argument("--draws", type=int, default=1000, help="default: 1000")
    options = parser.parse_args()
    logging.getLogger("csad").setLevel(logging.ERROR)  # each draw would say how its threshold was found
    generator = np.random.default_rng(SEED)
    rows = []
    try:
        for model in options.models:
            manifest = read_manifest(model)
            for rate in RATES:
                kept = resample(manifest.normal_scores, rate, options.draws, generator)
                ideal = resample_exponential(kept.images, rate, options.draws, generator)
                rows.append(
                    (
                        ProductLine.from_yaml(manifest.line).name,
                        str(kept.images),
                        f"{kept.promised:.1%}",
                        f"{kept.held:.1%} ({ideal.held:.1%})",
                        f"{kept.mean_rate:.2%} ({ideal.mean_rate:.2%})",
                    )
                )
    except CsadError as error:
        sys.exit(f"Error: {error}")
    head = ("line", "good images", "promised by half of them", "promise held", "mean false-reject rate")
    print(markdown_table(head, rows))
    print(f"\n{options.draws} draws, seed {SEED}")


if __name__ == "__main__":
    main()
