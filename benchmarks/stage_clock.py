"""What a stage's time is: processor seconds of one thread, or wall seconds on a node with a GPU."""

import os
import resource
import subprocess
import sys
import time
from typing import Literal, Protocol

import torch

from benchmarks.measurement import machine
from csad.common.humanize import plural
from csad.compute.compute_device import chosen_device, described
from drawn_lines.lines import ROOT

Device = Literal["cpu", "cuda"]

LOAD = "import csad.stages.order, torch, torchvision, timm, onnxruntime"
FIRST_KERNELS = "torch.nn.Conv2d(3, 8, 3).cuda()(torch.ones(1, 3, 64, 64).cuda()).flatten(1).sum().item()"
"""What brings up the GPU, its memory and cuDNN in a process."""


class Clock(Protocol):
    """Measures a stage."""

    device: Device

    @property
    def machine(self) -> str:
        """What computes, with its threads."""
        ...

    def now(self) -> float:
        """Seconds since any fixed point."""
        ...

    def start(self) -> float:
        """Seconds until a task's process has its code."""
        ...


class ProcessorClock:
    """Processor seconds of this process and of its ended children: a busy machine changes them little."""

    device: Device = "cpu"

    @property
    def machine(self) -> str:
        """The processor."""
        return _processor()

    def now(self) -> float:
        """Processor seconds so far."""
        return sum(os.times()[:4])

    def start(self) -> float:
        """Processor seconds of a process that loads the code."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        _load(LOAD)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


class GpuNodeClock:
    """Wall seconds, the GPU's work done: a stage has GPU and cores for itself, and waits for the one or the other.

    Raises:
        DeviceError: There is no GPU.
    """

    device: Device = "cuda"

    def __init__(self) -> None:
        self._gpu = chosen_device("cuda")

    @property
    def machine(self) -> str:
        """The GPU, and the processor beside it."""
        return f"{described(self._gpu)}; {_processor()}"

    def now(self) -> float:
        """Wait for the GPU, then read the clock."""
        torch.cuda.synchronize(self._gpu)
        return time.monotonic()

    def start(self) -> float:
        """Wall seconds of a process that loads the code and brings up the GPU."""
        started = time.monotonic()
        _load(f"{LOAD}; {FIRST_KERNELS}")
        return time.monotonic() - started


def clock_of(device: Device) -> Clock:
    """Choose the clock of a device.

    Raises:
        DeviceError: There is no GPU.
    """
    return GpuNodeClock() if device == "cuda" else ProcessorClock()


def _processor() -> str:
    return f"{machine()}, {plural(torch.get_num_threads(), 'thread')}"


def _load(code: str) -> None:
    subprocess.run(
        [sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT
    )
