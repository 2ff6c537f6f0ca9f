"""What stages take, from measured runs: `stage_costs.json`, written by `python -m benchmarks.stage_costs`."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from pipelines.stage_work import Workload

TABLE = Path(__file__).with_name("stage_costs.json")


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
        estimated: Seconds on one core.
        real: Processor seconds that its training and evaluation took.
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
        machine: Processor and cores.
        date: Day of the measurement, UTC.
        csad: Version and digest of the code.
        commit: Git commit of the checkout.
        data: What was trained on.
        seed: Random seed of the runs.
        start: Processor seconds until a task's code is loaded.
        seconds: By stage, processor seconds on one core.
        megabytes: By stage, the size of its output.
        checks: Each run, estimated and measured.
    """

    model_config = ConfigDict(frozen=True)

    machine: str
    date: str
    csad: str
    commit: str
    data: str
    seed: int
    start: float
    seconds: Mapping[str, Ratios]
    megabytes: Mapping[str, Ratios]
    checks: tuple[CheckedRun, ...] = ()

    def seconds_of(self, stage: str, work: Workload) -> float:
        """Processor seconds of a stage on one core."""
        return self.seconds[stage].of(work.quantities(stage))

    def megabytes_of(self, stage: str, work: Workload) -> float:
        """Size of a stage's output in megabytes."""
        return self.megabytes[stage].of(work.quantities(stage))


@cache
def stage_costs() -> StageCosts:
    """Read the table of this version."""
    return StageCosts.model_validate_json(TABLE.read_text(encoding="utf-8"))
