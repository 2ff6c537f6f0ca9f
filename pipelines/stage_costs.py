"""What stages take, from measured runs: `stage_costs.json` and `stage_costs_gpu.json`.

Both are written by `python -m benchmarks.stage_costs`, the second with `--device cuda`.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from csad.common.errors import CsadError
from pipelines.stage_work import Workload

TABLE = Path(__file__).with_name("stage_costs.json")
GPU_TABLE = Path(__file__).with_name("stage_costs_gpu.json")
"""Absent until somebody measures on a GPU."""


class Ratios(BaseModel):
    """A constant and a factor per quantity of `Workload.quantities`.

    Attributes:
        constant: What even the smallest run takes.
        factors: Per unit of each quantity.
    """

    model_config = ConfigDict(frozen=True)

    constant: float
    factors: tuple[float, ...]

    def of(self, quantities: tuple[float, ...]) -> float:
        """Add it up."""
        return self.constant + sum(factor * value for factor, value in zip(self.factors, quantities, strict=True))


class CheckedRun(BaseModel):
    """A run, estimated by ratios that were made from the other runs.

    Attributes:
        images: Images of all splits.
        megapixels: Network's input of one image.
        steps: Optimiser steps of the segmentation network.
        estimated: Seconds, start and stages.
        real: Seconds that its training and evaluation took, on the same clock.
    """

    model_config = ConfigDict(frozen=True)

    images: int
    megapixels: float
    steps: int
    estimated: float
    real: float


class StageCosts(BaseModel):
    """The measured ratios.

    Attributes:
        device: "cpu": seconds are a processor's, of one core. "cuda": seconds are the wall's, on a node with a GPU that
            a stage has for itself.
        machine: GPU, processor, cores and threads.
        date: Day of the measurement, UTC.
        csad: Version and digest of the code.
        commit: Git commit of the checkout.
        data: What was trained on.
        seed: Random seed of the runs.
        start: Seconds until a task's code is loaded, and its GPU ready.
        seconds: By stage, as `device` says.
        megabytes: By stage, the size of its output.
        without: Runtimes of the training image that were absent: `statistics` did not compare the model in these.
        checks: Each run, estimated and measured.
    """

    model_config = ConfigDict(frozen=True)

    device: Literal["cpu", "cuda"] = "cpu"
    machine: str
    date: str
    csad: str
    commit: str
    data: str
    seed: int
    start: float
    seconds: Mapping[str, Ratios]
    megabytes: Mapping[str, Ratios]
    without: tuple[str, ...] = ()
    checks: tuple[CheckedRun, ...] = ()

    def seconds_of(self, stage: str, work: Workload) -> float:
        """Seconds of a stage, as `device` says."""
        return self.seconds[stage].of(work.quantities(stage))

    def megabytes_of(self, stage: str, work: Workload) -> float:
        """Size of a stage's output in megabytes."""
        return self.megabytes[stage].of(work.quantities(stage))


@cache
def stage_costs() -> StageCosts:
    """Read the ratios of one CPU core."""
    return StageCosts.model_validate_json(TABLE.read_text(encoding="utf-8"))


@cache
def gpu_stage_costs() -> StageCosts | None:
    """Read the ratios of a GPU node; None where nobody has measured them.

    Raises:
        CsadError: They were measured on a CPU.
    """
    if not GPU_TABLE.is_file():
        return None
    costs = StageCosts.model_validate_json(GPU_TABLE.read_text(encoding="utf-8"))
    if costs.device != "cuda":
        raise CsadError(
            f"{GPU_TABLE} holds ratios of a CPU ({costs.machine}), expected those of a GPU; remove it, or write it on "
            "a machine with a GPU: python -m benchmarks.stage_costs --device cuda"
        )
    return costs
