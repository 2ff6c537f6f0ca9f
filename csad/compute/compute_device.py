"""Which device the networks compute on, and that it computes alike each time."""

from __future__ import annotations

import logging
import os

import torch

from csad.common.errors import DeviceError
from csad.common.humanize import plural
from csad.compute.device import check_device
from csad.compute.malloc import tune_malloc

VARIABLE = "CSAD_DEVICE"
CUBLAS = "CUBLAS_WORKSPACE_CONFIG"

_log = logging.getLogger(__name__)


def chosen_device(name: str | None = None) -> torch.device:
    """Choose where to compute: what is asked for, else what CSAD_DEVICE says, else CUDA where torch finds it, else CPU.

    Args:
        name: "cpu", "cuda" or "cuda:N".

    Raises:
        DeviceError: There is no such device; the message says who asked for it.
    """
    wanted = name or os.environ.get(VARIABLE) or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        check_device(wanted)
    except DeviceError as error:
        if name:
            raise
        raise DeviceError(
            f"{error} ({VARIABLE} asks for it, as tasks on GPU nodes do; unset it, or build the images with "
            "VARIANT=cu130)"
        ) from error
    device = torch.device(wanted)
    return torch.device("cuda", device.index or 0) if device.type == "cuda" else device


def training_device() -> str:
    """All of the device that what is trained depends on: "cuda", or "cpu, AVX2, 2 threads".

    Threads and vector units decide in which order a CPU adds. One step differs by rounding only, but the next starts
    from it: after 60 steps of the segmentation network weights lay 5 % apart and the threshold 0.2 to 0.5 %.
    """
    device = chosen_device()
    if device.type != "cpu":
        return device.type
    return f"cpu, {torch.backends.cpu.get_cpu_capability()}, {_threads()}"


def stage_device(stage: str) -> torch.device:
    """Choose where a stage computes, have this process compute repeatably and keep freed memory, and say so.

    Args:
        stage: Its name, for the log.

    Raises:
        DeviceError: CSAD_DEVICE asks for a device that is not there.
    """
    device = chosen_device()
    tune_malloc()
    if device.type == "cuda":
        compute_repeatably()
    _log.info("%s: on %s", stage, described(device))
    return device


def described(device: torch.device) -> str:
    """Write a device for people: "cpu, 2 threads" or "cuda:0, NVIDIA H100"."""
    if device.type == "cuda":
        return f"{device}, {torch.cuda.get_device_name(device)}"
    return f"{device}, {_threads()}"


def _threads() -> str:
    threads = torch.get_num_threads()
    return plural(threads, "thread")


def disable_tf32() -> None:
    """Have GPUs multiply in whole single precision, as CPUs do: TF32 keeps ten bits, and a threshold is for both."""
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def compute_repeatably() -> None:
    """Have GPUs add in the same order each time where they can, so that one seed trains one model."""
    disable_tf32()
    # cuBLAS reads it when it starts; without it torch warns that its sums may differ.
    os.environ.setdefault(CUBLAS, ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
