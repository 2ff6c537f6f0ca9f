import pytest
import torch

from csad.common.errors import DeviceError
from csad.compute.device import check_device
from csad.scoring.scorer import Scorer


@pytest.fixture
def gpus(monkeypatch):
    """Set how many GPUs torch finds."""

    def found(count):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return found


def test_the_processor_is_always_there(gpus):
    gpus(0)
    check_device("cpu")


def test_each_gpu_that_is_there_can_be_used(gpus):
    gpus(2)
    for name in ("cuda", "cuda:0", "cuda:1"):
        check_device(name)


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "CPU", "mps", ""])
def test_an_unknown_device_is_refused_with_those_that_are_there(gpus, name):
    gpus(1)
    with pytest.raises(DeviceError, match=f"no device {name!r}; expected one of: cpu, cuda, cuda:0"):
        check_device(name)


def test_a_gpu_that_is_not_there_is_refused(gpus):
    gpus(1)
    with pytest.raises(DeviceError, match="no device 'cuda:1' in this machine; expected one of: cpu, cuda, cuda:0"):
        check_device("cuda:1")


def test_without_a_driver_the_remedy_is_named(gpus):
    gpus(0)
    with pytest.raises(DeviceError, match="finds no GPU that it can use; use cpu, or install an NVIDIA driver"):
        check_device("cuda")


def test_a_model_is_not_even_read_for_a_device_that_is_not_there(tmp_path):
    with pytest.raises(DeviceError, match="no device 'gpu'"):
        Scorer.load(tmp_path, device="gpu")
