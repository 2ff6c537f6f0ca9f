"""A quick check on real images: training with a small budget still detects logical anomalies.

Run `python -m benchmarks.real_check`. It trains on some images of ../shared/data/mvtec_loco/juice_bottle, prints the
AUROC of every branch, and exits with 1 where the full score or the LGST branch falls below the limit.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.datasets import DATA_SETS, Variant
from csad.common.errors import CsadError
from csad.evaluation.evaluate import evaluate
from csad.evaluation.figures import Evaluation
from csad.images import scan_for_evaluation
from csad.scoring.scorer import Scorer
from csad.stages import training

DATA = next(data for data in DATA_SETS if data.name == "juice_bottle")
TAKEN = {"train/good": 80, "validation/good": 30, "test/good": 1000, "test/logical_anomalies": 1000}
"""Images of each folder, evenly spaced."""

QUICK = Variant(
    "quick",
    {"images": {"area": 65_536}, "segmentation": {"steps": 100}, "pseudo_labels": {"rotations": 4}},
)
LEAST = {"full": 92.0, "lgst": 92.0}
"""Image AUROC, logical against good, in percent."""


def link_some(source: Path, target: Path) -> None:
    """Make a data set of links to some images of another.

    Args:
        source: Data set in LOCO layout.
        target: Folder of the new one.
    """
    for name, count in TAKEN.items():
        files = sorted(path for path in (source / name).iterdir() if not path.name.startswith("."))
        (target / name).mkdir(parents=True)
        step = max(1.0, len(files) / count)
        for file in (files[int(index * step)] for index in range(min(count, len(files)))):
            (target / name / file.name).symlink_to(file.resolve())


def shortfalls(evaluation: Evaluation) -> list[str]:
    """Say which branches are below their limit; none where all is well."""
    found = []
    for branch, least in LEAST.items():
        figures = evaluation.branches.get(branch)
        value = figures.logical if figures else None
        if value is None or value < least:
            shown = "absent" if value is None else f"{value:.1f}"
            found.append(f"logical AUROC of {branch} is {shown}, expected at least {least:.1f}")
    return found


def main() -> None:
    """Train, evaluate, judge."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    if not DATA.folder.is_dir():
        print("Error: ../shared/data/mvtec_loco/juice_bottle is not on this machine", file=sys.stderr)
        sys.exit(2)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="csad-real-check-") as folder:
        images, model = Path(folder) / "data", Path(folder) / "model"
        link_some(DATA.folder, images)
        line = QUICK.line(DATA.name)
        try:
            training.train(line, images, model, seed=0)
            evaluation = evaluate(Scorer.load(model), scan_for_evaluation(images, line))
        except CsadError as error:
            sys.exit(f"Error: {error}")
    print(evaluation.to_text())
    print(f"\n{time.monotonic() - started:.0f} s")
    problems = shortfalls(evaluation)
    if problems:
        sys.exit("\n".join(f"Error: {problem}" for problem in problems))


if __name__ == "__main__":
    main()
