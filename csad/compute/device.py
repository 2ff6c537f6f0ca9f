"""Where the networks run: the devices that csad knows and this machine has."""

import re

from csad.common.errors import DeviceError


def check_device(name: str) -> None:
    """Make sure that a device can be used, before anything is loaded for it.

    Args:
        name: "cpu", "cuda" or "cuda:N".

    Raises:
        DeviceError: Another name, or a GPU that is not there; the message names what is.
    """
    found = re.fullmatch(r"cpu|cuda(?::(\d+))?", name)
    if found is None:
        raise DeviceError(f"there is no device {name!r}; expected one of: {', '.join(_devices())}")
    if name == "cpu":
        return
    import torch  # a CPU needs none

    if not torch.cuda.is_available():
        raise DeviceError(
            f"device {name!r}: torch finds no GPU that it can use; use cpu, or install an NVIDIA driver and a torch "
            "with CUDA"
        )
    if int(found.group(1) or 0) >= torch.cuda.device_count():
        raise DeviceError(f"there is no device {name!r} in this machine; expected one of: {', '.join(_devices())}")


def _devices() -> list[str]:
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return ["cpu", *(["cuda"] if count else []), *(f"cuda:{index}" for index in range(count))]
