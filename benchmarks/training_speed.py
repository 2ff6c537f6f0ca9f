"""Processor time of each stage of a training, this checkout against another one, which take turns.

    git worktree add /tmp/before COMMIT
    python -m benchmarks.training_speed /tmp/before --data examples/fastener_kit/data --images 12 --steps 60

A part of the images and of the steps is enough for ratios. Copies of the segmentation network (--copies, of 600 steps)
are stored in proportion to its steps, so a step costs what it does in a whole training. The second table says what a
whole training would take: the network in proportion to its steps, all else to the images, so that what depends on
neither (drawing galleries, choosing coresets, the graph) counts too much there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from csad.common.tables import table
from csad.config.settings import SegmentationSettings

HERE = Path(__file__).resolve().parents[1]
BEFORE, AFTER = "before", "after"
DRIVER = """
import json, sys, time
import torch
from pathlib import Path
from csad.config.line import ProductLine
from csad.runner.stage import Stage
from csad.stages.training import train

torch.set_num_threads(1)
seconds, execute = {}, Stage.execute

def timed(stage, *args, **named):
    started = time.process_time()
    try:
        return execute(stage, *args, **named)
    finally:
        seconds[stage.name] = time.process_time() - started

Stage.execute = timed
train(ProductLine.from_yaml(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), seed=0)
print(json.dumps(seconds))
"""
"""Times the stages of whichever checkout it runs in; both know these names."""

Seconds = Mapping[str, float]


def part_of(data: Path, folder: Path, images: int) -> Path:
    """Link the first training images and a third as many validation images into a folder."""
    for split, count in (("train", images), ("validation", max(3, images // 3))):
        target = folder / split / "good"
        target.mkdir(parents=True)
        for file in sorted((data / split / "good").iterdir())[:count]:
            (target / file.name).symlink_to(file.resolve())
    return folder


def line_of(steps: int, copies: int | None, export: bool | None) -> str:
    """A product line of so many steps; None leaves out a key that an older checkout does not know."""
    segmentation = {"steps": steps} | ({} if copies is None else {"copies": copies})
    runtime = {} if export is None else {"runtime": {"export": export}}
    return yaml.safe_dump({"name": "speed", "segmentation": segmentation} | runtime)


def exports(checkout: Path) -> bool:
    """Whether a checkout knows exported graphs; older ones refuse to be told of them."""
    return (checkout / "csad" / "scoring" / "runtimes").is_dir()


def train_in(checkout: Path, line: str, data: Path, output: Path) -> Seconds:
    """Train in another process, one thread; the processor's seconds of each stage."""
    settings = {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1", "CSAD_DEVICE": "cpu"}
    command = [sys.executable, "-c", DRIVER, line, str(data), str(output)]
    done = subprocess.run(
        command, cwd=checkout, env=os.environ | settings, stdout=subprocess.PIPE, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def scaled(seconds: Seconds, factors: Mapping[str, float]) -> dict[str, float]:
    """What a whole training would take: stages without a factor stay as they are."""
    return {stage: value * factors.get(stage, 1.0) for stage, value in seconds.items()}


def rows(before: Seconds, after: Seconds) -> list[tuple[str, ...]]:
    """Seconds and ratio of each stage, and of all together."""
    sums = [(stage, before[stage], after[stage]) for stage in before]
    sums.append(("all", sum(before.values()), sum(after.values())))
    return [(stage, f"{old:.1f}", f"{new:.1f}", f"{new / old:.2f}" if old else "-") for stage, old, new in sums]


def least(runs: Sequence[Seconds]) -> dict[str, float]:
    """The least of each stage over several runs: other programs only add."""
    return {stage: min(run[stage] for run in runs) for stage in runs[0]}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path, help="checkout to compare with")
    parser.add_argument("--data", type=Path, required=True, help="data set in LOCO layout")
    parser.add_argument("--images", type=int, default=12, help="training images")
    parser.add_argument("--steps", type=int, default=60, help="steps of the segmentation network")
    parser.add_argument("--copies", type=int, default=SegmentationSettings().copies, help="of a whole training")
    parser.add_argument("--rounds", type=int, default=1, help="trainings of each side")
    parser.add_argument("--export", action="store_true", help="write the graph, too")
    options = parser.parse_args()
    whole = SegmentationSettings()
    copies = round(options.copies * options.steps / whole.steps)
    sides = {
        BEFORE: (
            options.before.resolve(),
            line_of(options.steps, None, options.export if exports(options.before) else None),
        ),
        AFTER: (HERE, line_of(options.steps, copies, options.export)),
    }
    runs: dict[str, list[Seconds]] = {side: [] for side in sides}
    with tempfile.TemporaryDirectory() as temporary:
        data = part_of(options.data, Path(temporary) / "data", options.images)
        for turn in range(options.rounds):
            for side, (checkout, line) in sides.items():
                runs[side].append(train_in(checkout, line, data, Path(temporary) / f"{side}{turn}"))
    before, after = least(runs[BEFORE]), least(runs[AFTER])
    print(f"{options.images} images, {options.steps} steps, processor seconds, one thread")
    print(table(("stage", BEFORE, AFTER, "after / before"), rows(before, after)))
    images = len(list((options.data / "train" / "good").iterdir())) / options.images
    factors = dict.fromkeys(before, images) | {"segnet": whole.steps / options.steps}
    print("\na whole training, by extrapolation")
    print(table(("stage", BEFORE, AFTER, "after / before"), rows(scaled(before, factors), scaled(after, factors))))


if __name__ == "__main__":
    main()
