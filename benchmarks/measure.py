"""Detection, localisation, false rejects, time and memory on every data set that is here, over several seeds.

Run `make measure`, or `python -m benchmarks.measure --only juice_bottle --seeds 0 1 2 --ablations`.

Each run takes the product line that `csad line new` writes, trains and evaluates it with the `csad` command in a
process of its own, and leaves its figures in measurements/. The same command again resumes where it was interrupted; a
result is measured anew when csad's code has changed. Real images are looked for in ../shared/data, and the lines that
`python -m drawn_lines` draws in measurements/drawn; what is absent is left out. The drawn lines and those
that `python -m benchmarks.turned` turns are measured only where --only names them.

Beside the product stand two baselines with the same weights, PatchCore and a sketch with out-of-fold thresholds;
--baselines runs these alone (about a minute per data set and seed).
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.baselines import measure_baselines
from benchmarks.datasets import ABLATIONS, DATA_SETS, DRAWN_LINES, FULL, TURNED, DataSet, Variant
from benchmarks.decisions import HEAD, decision_rows
from benchmarks.markdown import report
from benchmarks.measurement import measure
from csad.common import atomic
from csad.common.errors import CsadError
from csad.common.tables import markdown_table

SEEDS = (0, 1, 2)
TABLES = "tables.md"


def main() -> None:
    """Measure and print the tables."""
    options = _options()
    command = " ".join(["python -m benchmarks.measure", *sys.argv[1:]])
    variants = (FULL, *_ablations(options.ablations))
    reports, decisions = [], []
    for data in _chosen(options.only):
        if not data.folder.is_dir():
            remedy = f"; draw it with {data.command}" if data.command else ""
            print(f"{data.name}: not on this machine, left out{remedy}", file=sys.stderr)
            continue
        try:
            runs = [
                measure(data, variant, seed, options.output, options.any_code)
                for variant in (() if options.baselines else variants)
                for seed in options.seeds
            ]
            baselines = [measure_baselines(data, seed, options.output) for seed in options.seeds]
        except CsadError as error:
            sys.exit(f"Error: {error}")
        decisions += [run.decisions for run in runs if run.variant == FULL.name]
        decisions += [own for found in baselines for own in found.decisions]
        if runs:
            reports.append(report(data.name, runs, command))
            print(f"\n{reports[-1]}\n", flush=True)
        # Hours of work: what is known stands in the file while the rest is measured.
        seeds = f"mean of the seeds {', '.join(map(str, options.seeds))}; `{command}`"
        decided = f"## Decisions\n\n{markdown_table(HEAD, list(decision_rows(decisions)))}\n\n{seeds}"
        atomic.write_text(options.output / TABLES, "\n\n".join([*reports, decided]) + "\n")
    if not decisions:
        sys.exit("Error: none of the chosen data sets is on this machine")
    print(f"\n{decided}\n", flush=True)
    print(f"tables in {options.output / TABLES}", file=sys.stderr)


def _chosen(names: Sequence[str] | None) -> tuple[DataSet, ...]:
    """The data sets of some names; the usual ones where none is named."""
    if not names:
        return DATA_SETS
    return tuple(data for data in (*DATA_SETS, *DRAWN_LINES, *TURNED) if data.name in names)


def _ablations(names: Sequence[str] | None) -> tuple[Variant, ...]:
    """The ablations of some names; all for no name, none where the option is absent."""
    if names is None:
        return ()
    return tuple(variant for variant in ABLATIONS if not names or variant.name in names)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [data.name for data in (*DATA_SETS, *DRAWN_LINES, *TURNED)]
    parser.add_argument(
        "--only",
        nargs="+",
        choices=names,
        metavar="NAME",
        help=f"of: {', '.join(names)}; default: the first {len(DATA_SETS)}",
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS), help="default: 0 1 2")
    parser.add_argument(
        "--ablations",
        nargs="*",
        choices=[variant.name for variant in ABLATIONS],
        metavar="ABLATION",
        help="also train with other settings, all of these or those that are named: "
        + "; ".join(variant.description for variant in ABLATIONS),
    )
    parser.add_argument("--baselines", action="store_true", help="run PatchCore and the sketch alone, no training")
    parser.add_argument("--output", type=Path, default=Path("measurements"), help="default: measurements")
    parser.add_argument("--any-code", action="store_true", help="reuse results although csad's code has changed")
    options = parser.parse_args()
    options.output = options.output.resolve()
    return options


if __name__ == "__main__":
    main()
