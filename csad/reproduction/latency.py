"""What scoring takes: one image, and images per second in batches of eight, by branch (paper, tables 1, 4 and 7)."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from csad.scoring.anomaly_model import AnomalyModel
from csad.scoring.branches.component_histogram import ComponentBranch
from csad.scoring.runtimes.torch_runtime import TorchRuntime
from csad.scoring.scorer import Scorer

BATCH = 8
RUNS = 500
"""Timed calls, the paper's number."""

LGST = "lgst"
"""Group of the student-teacher branches."""

WARM_UP = 5


class Latency(BaseModel):
    """What a network takes from the canvas, on its device, to raw scores.

    Attributes:
        milliseconds: One image, median.
        per_second: Images per second in batches of 8, from the median.
        runs: Timed calls of each.
        device: Where; "cpu" or the name of the GPU.
    """

    model_config = ConfigDict(frozen=True)

    milliseconds: float
    per_second: float
    runs: int
    device: str


def measure_latency(scorer: Scorer, runs: int = RUNS, seed: int = 0) -> dict[str, Latency]:
    """Time the whole network, and each group of branches by itself, on random canvases.

    The clock waits for the GPU before and after every call.

    Args:
        scorer: Loaded for torch, on the device that is measured.
        runs: Timed calls.
        seed: Draws the canvases; what they show does not change the time.

    Returns:
        "both", and "histogram" and "LGST" where the model has them.
    """
    record = scorer.manifest.canvas
    generator = torch.Generator().manual_seed(seed)
    runtime = scorer.runtime
    if not isinstance(runtime, TorchRuntime):
        raise TypeError(f"the networks are timed in torch, this model was loaded for {runtime.name}")
    whole = runtime.model
    shape = (BATCH, 3, record.height, record.width)
    canvases = torch.rand(shape, generator=generator).to(whole.device)
    parts = {
        "both": whole,
        "histogram": whole.only(lambda branch: branch.kind == ComponentBranch.kind),
        "LGST": whole.only(lambda branch: branch.group == LGST),
    }
    return {name: _latency(model, canvases, runs) for name, model in parts.items() if model.branches}


def _latency(model: AnomalyModel, canvases: Tensor, runs: int) -> Latency:
    def seconds(batch: Tensor) -> float:
        return _median(lambda: model.columns(model.forward(batch)), canvases.device, runs)

    single, batch = seconds(canvases[:1]), seconds(canvases)
    on_gpu = canvases.device.type == "cuda"
    device = torch.cuda.get_device_name(canvases.device) if on_gpu else "cpu"
    return Latency(milliseconds=1000 * single, per_second=BATCH / batch, runs=runs, device=device)


def _median(call: Callable[[], object], device: torch.device, runs: int) -> float:
    def synchronise() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    for _ in range(min(WARM_UP, runs)):
        call()
    taken = []
    for _ in range(runs):
        synchronise()
        started = time.perf_counter()
        call()
        synchronise()
        taken.append(time.perf_counter() - started)
    return median(taken)
