"""What each stage takes, as ratios for `python -m pipelines estimate`.

Run `OMP_NUM_THREADS=1 python -m benchmarks.stage_costs`: five small runs of different size give the ratios. Each run is
also estimated by ratios of the other four, and set beside what it took. All times are processor seconds of one thread,
so that a busy machine changes them little.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from benchmarks.datasets import EXAMPLE, ROOT
from benchmarks.measurement import machine
from csad.common import atomic
from csad.config.line import ProductLine
from csad.runner.code import code_version
from csad.runner.stage_order import DATA, ORDER
from csad.runner.stage_runner import StageRunner
from csad.stages.order import STAGES
from kfp_client.parameters import git_commit
from pipelines.stage_costs import TABLE, CheckedRun, Ratios, StageCosts
from pipelines.stage_work import Workload

SEED = 0
LEAST = 1e-3
LOAD = "import csad.stages.order, torch, torchvision, timm, onnxruntime"


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


def measure(size: Size, folder: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Run every stage in this process.

    Returns:
        Processor seconds and megabytes of output, by stage.
    """
    data = size.copy_images(folder / "data")
    runner = StageRunner(folder / "stages", size.line(), SEED)
    places, seconds, megabytes = {DATA: data}, {}, {}
    with runner.working():
        for step in ORDER:
            before = _processor_seconds()
            inputs = {name: places[source] for name, source in step.inputs.items()}
            places[step.name] = runner.run(STAGES[step.name], **inputs).folder
            seconds[step.name] = _processor_seconds() - before
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


def measure_costs() -> StageCosts:
    """Measure the runs, fit the ratios and check them."""
    start = _processor_seconds_of([sys.executable, "-c", LOAD])
    seconds, megabytes = [], []
    for size in MEASURED:
        with tempfile.TemporaryDirectory() as folder:
            of_run = measure(size, Path(folder))
        print(size, {name: round(value, 1) for name, value in of_run[0].items()}, flush=True)
        seconds.append(of_run[0])
        megabytes.append(of_run[1])

    return StageCosts(
        machine=f"{machine()}, one thread",
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        csad=code_version("csad.stages.order"),
        commit=git_commit(),
        data="examples/fastener_kit, parts of it",
        seed=SEED,
        start=round(start, 2),
        seconds=fit_stages(MEASURED, seconds),
        megabytes=fit_stages(MEASURED, megabytes),
        checks=check(seconds, start),
    )


def check(seconds: list[dict[str, float]], start: float) -> tuple[CheckedRun, ...]:
    """Estimate each run by the ratios of the others.

    Args:
        seconds: By stage, of each of `MEASURED`.
        start: Seconds until a process has its code.
    """
    runs = []
    for left_out, size in enumerate(MEASURED):
        others = [number for number in range(len(MEASURED)) if number != left_out]
        ratios = fit_stages([MEASURED[number] for number in others], [seconds[number] for number in others])
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


def _processor_seconds() -> float:
    """Processor time of this process and of its ended children."""
    return sum(os.times()[:4])


def _processor_seconds_of(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure, check and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=TABLE, help="file of the ratios (default: %(default)s)")
    output = parser.parse_args().output
    atomic.write_text(output, measure_costs().model_dump_json(indent=1) + "\n")


if __name__ == "__main__":
    main()
