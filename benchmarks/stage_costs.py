"""What each stage takes, as ratios for `python -m pipelines estimate`.

Five small runs of different size give the ratios. Each run is also estimated by ratios of the other four, and set
beside what it took.

`OMP_NUM_THREADS=1 python -m benchmarks.stage_costs`: processor seconds of one thread, so that a busy machine changes
them little.

`OMP_NUM_THREADS=2 taskset -c 0-3 python -m benchmarks.stage_costs --device cuda`: wall seconds on a machine with a GPU
that nothing else uses, with the threads and cores of a GPU task's pod. One more run goes before, which does not count:
it loads the kernels. It takes some five minutes. Without git, give the checkout's `--commit`.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from benchmarks.datasets import EXAMPLE
from benchmarks.stage_clock import Clock, clock_of
from csad.common import atomic
from csad.common.errors import CsadError
from csad.compute.compute_device import VARIABLE
from csad.config.line import ProductLine
from csad.runner.code import code_version
from csad.runner.stage_order import DATA, ORDER
from csad.runner.stage_runner import StageRunner
from csad.scoring.runtimes.choice import GRAPH_RUNTIMES, is_installed
from csad.stages.order import STAGES
from kfp_client.parameters import git_commit
from pipelines.stage_costs import GPU_TABLE, TABLE, CheckedRun, Ratios, StageCosts
from pipelines.stage_work import Workload

SEED = 0
LEAST = 1e-3


@dataclass(frozen=True)
class Size:
    """A small run.

    Attributes:
        train: Good images that train.
        validation: Good images that calibrate.
        test: Test images of each of the three kinds.
        area: Pixels of the network's input.
        steps: Steps of the segmentation network.
        patches: Patches of a memory bank.
    """

    train: int
    validation: int
    test: int
    area: int
    steps: int
    patches: int

    def line(self) -> ProductLine:
        """The product line of the run."""
        sections = {
            "images": {"area": self.area},
            "segmentation": {"steps": self.steps},
            "lgst": {"coreset_size": self.patches},
            "histogram": {"codebook_size": 16},
        }
        return ProductLine.model_validate({"name": "costs", **sections})

    def work(self) -> Workload:
        """Its quantities."""
        return Workload.of(self.line(), self.train, self.validation, 3 * self.test)

    def copy_images(self, folder: Path) -> Path:
        """Copy the first images of the example of each split and kind."""
        wanted = {"train/good": self.train, "validation/good": self.validation}
        wanted |= {f"test/{kind}": self.test for kind in ("good", "logical_anomalies", "structural_anomalies")}
        for part, count in wanted.items():
            (folder / part).mkdir(parents=True)
            for file in sorted((EXAMPLE / "data" / part).iterdir())[:count]:
                shutil.copyfile(file, folder / part / file.name)
        return folder


MEASURED = (
    Size(16, 6, 2, 16_384, 60, 400),
    Size(32, 8, 4, 32_768, 80, 800),
    Size(20, 8, 4, 65_536, 40, 2000),
    Size(60, 10, 6, 16_384, 30, 1500),
    Size(24, 6, 4, 131_072, 20, 4000),
)


def measure(size: Size, folder: Path, clock: Clock) -> tuple[dict[str, float], dict[str, float]]:
    """Run every stage in this process.

    Args:
        size: What to run.
        folder: Empty; images and stages are written there.
        clock: Measures the stages.

    Returns:
        Seconds and megabytes of output, by stage.
    """
    data = size.copy_images(folder / "data")
    runner = StageRunner(folder / "stages", size.line(), SEED)
    places, seconds, megabytes = {DATA: data}, {}, {}
    with runner.working():
        for step in ORDER:
            before = clock.now()
            inputs = {name: places[source] for name, source in step.inputs.items()}
            places[step.name] = runner.run(STAGES[step.name], **inputs).folder
            seconds[step.name] = clock.now() - before
            files = [file for file in places[step.name].rglob("*") if file.is_file()]
            megabytes[step.name] = sum(file.stat().st_size for file in files) / 1e6
    return seconds, megabytes


def fit(quantities: list[tuple[float, ...]], values: list[float]) -> Ratios:
    """Fit a constant and factors, none below zero, to the least sum of squared relative errors.

    Args:
        quantities: Quantities of every run.
        values: What was measured of every run, above zero.
    """
    rows = np.array([(1.0, *of_run) for of_run in quantities]) / np.array(values)[:, None]
    scale = rows.max(axis=0)
    found = nnls(rows / scale, np.ones(len(values)))[0] / scale
    return Ratios(constant=round(float(found[0]), 6), factors=tuple(round(float(one), 6) for one in found[1:]))


def fit_stages(sizes: Sequence[Size], measured: Sequence[Mapping[str, float]]) -> dict[str, Ratios]:
    """Fit the ratios of every stage.

    Args:
        sizes: The runs.
        measured: By stage, of each run; what is too little to be seen counts as `LEAST`.
    """
    works = [size.work() for size in sizes]
    return {
        stage: fit([work.quantities(stage) for work in works], [max(run[stage], LEAST) for run in measured])
        for stage in STAGES
    }


def measure_costs(clock: Clock, commit: str, sizes: Sequence[Size] = MEASURED) -> StageCosts:
    """Measure the runs, fit the ratios and check them.

    Args:
        clock: Measures the stages.
        commit: Git commit of the checkout.
        sizes: The runs.
    """
    if clock.device == "cuda":
        # The first run of a process loads kernels and has cuDNN choose among them.
        _measured(sizes[0], clock)
    start = clock.start()
    seconds, megabytes = zip(*(_measured(size, clock) for size in sizes), strict=True)
    return StageCosts(
        device=clock.device,
        machine=clock.machine,
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        csad=code_version("csad.stages.order"),
        commit=commit,
        data="examples/fastener_kit, parts of it",
        seed=SEED,
        start=round(start, 2),
        seconds=fit_stages(sizes, seconds),
        megabytes=fit_stages(sizes, megabytes),
        without=tuple(name for name in GRAPH_RUNTIMES if not is_installed(name)),
        checks=check(sizes, seconds, start),
    )


def _measured(size: Size, clock: Clock) -> tuple[dict[str, float], dict[str, float]]:
    with tempfile.TemporaryDirectory() as folder:
        seconds, megabytes = measure(size, Path(folder), clock)
    print(size, {name: round(value, 2) for name, value in seconds.items()}, flush=True)
    return seconds, megabytes


def check(sizes: Sequence[Size], seconds: Sequence[Mapping[str, float]], start: float) -> tuple[CheckedRun, ...]:
    """Estimate each run by the ratios of the others.

    Args:
        sizes: The runs.
        seconds: By stage, of each run.
        start: Seconds until a process has its code.
    """
    runs = []
    for left_out, size in enumerate(sizes):
        others = [number for number in range(len(sizes)) if number != left_out]
        ratios = fit_stages([sizes[number] for number in others], [seconds[number] for number in others])
        work = size.work()
        run = CheckedRun(
            images=work.normal + work.test,
            megapixels=round(work.megapixels, 3),
            steps=size.steps,
            estimated=round(start + sum(ratios[stage].of(work.quantities(stage)) for stage in STAGES), 1),
            real=round(start + sum(seconds[left_out].values()), 1),
        )
        print(run, flush=True)
        runs.append(run)
    return tuple(runs)


def main() -> None:
    """Measure, check and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="default: %(default)s")
    parser.add_argument(
        "--output",
        type=Path,
        help=f"file of the ratios (default: {TABLE.name} beside the pipelines, or {GPU_TABLE.name})",
    )
    parser.add_argument("--commit", default=git_commit(), help="commit of the checkout (default: what git says)")
    options = parser.parse_args()
    os.environ[VARIABLE] = options.device
    output: Path = options.output or (GPU_TABLE if options.device == "cuda" else TABLE)
    try:
        atomic.write_text(
            output, measure_costs(clock_of(options.device), options.commit).model_dump_json(indent=1) + "\n"
        )
    except CsadError as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
