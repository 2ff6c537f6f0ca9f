import logging
import os

import pytest
import torch

from csad.common.errors import DeviceError
from csad.compute.compute_device import CUBLAS, VARIABLE, chosen_device, described, disable_tf32, stage_device


@pytest.fixture
def gpus(monkeypatch):
    """Set how many GPUs torch finds; nothing asks for a device, and what was set for GPUs is undone."""

    def found(count):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA Test")

    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv(CUBLAS, "")
    monkeypatch.delenv(CUBLAS)
    yield found
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize(("count", "expected"), [(0, "cpu"), (1, "cuda:0"), (2, "cuda:0")])
def test_the_first_gpu_computes_where_there_is_one(gpus, count, expected):
    gpus(count)
    assert str(chosen_device()) == expected


@pytest.mark.parametrize(("wanted", "expected"), [("cpu", "cpu"), ("cuda", "cuda:0"), ("cuda:1", "cuda:1")])
def test_the_environment_decides_otherwise(gpus, monkeypatch, wanted, expected):
    gpus(2)
    monkeypatch.setenv(VARIABLE, wanted)
    assert str(chosen_device()) == expected


def test_an_empty_variable_decides_nothing(gpus, monkeypatch):
    gpus(1)
    monkeypatch.setenv(VARIABLE, "")
    assert str(chosen_device()) == "cuda:0"


def test_a_name_comes_before_the_environment(gpus, monkeypatch):
    gpus(2)
    monkeypatch.setenv(VARIABLE, "cuda:1")
    assert str(chosen_device("cpu")) == "cpu"


@pytest.mark.parametrize("wanted", ["gpu", "cuda", "cuda:7"])
def test_a_variable_that_names_no_device_of_this_machine_says_that_it_can_be_unset(gpus, monkeypatch, wanted):
    gpus(0)
    monkeypatch.setenv(VARIABLE, wanted)
    with pytest.raises(DeviceError, match=f"device '{wanted}'.*CSAD_DEVICE asks for it.*unset it, or build the images"):
        chosen_device()


def test_a_name_that_is_refused_is_not_blamed_on_the_environment(gpus):
    gpus(0)
    with pytest.raises(DeviceError, match="no device 'gpu'") as refused:
        chosen_device("gpu")
    assert VARIABLE not in str(refused.value)


def test_a_stage_says_where_it_computes(gpus, monkeypatch, caplog):
    gpus(1)
    with caplog.at_level(logging.INFO):
        stage_device("segnet")
        monkeypatch.setenv(VARIABLE, "cpu")
        stage_device("lgst")

    assert caplog.messages[0] == "segnet: on cuda:0, NVIDIA Test"
    assert caplog.messages[1].startswith("lgst: on cpu, ")


@pytest.mark.parametrize(("threads", "said"), [(1, "cpu, 1 thread"), (2, "cpu, 2 threads")])
def test_a_cpu_is_described_by_its_threads(monkeypatch, threads, said):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert described(torch.device("cpu")) == said


def test_a_stage_on_a_gpu_adds_in_the_same_order_each_time(gpus):
    gpus(1)
    stage_device("segnet")

    assert torch.are_deterministic_algorithms_enabled()
    assert torch.is_deterministic_algorithms_warn_only_enabled()
    assert os.environ[CUBLAS] == ":4096:8"


def test_a_stage_on_the_cpu_leaves_torch_as_it_is(gpus):
    gpus(0)
    stage_device("segnet")

    assert not torch.are_deterministic_algorithms_enabled()
    assert CUBLAS not in os.environ


def test_gpus_multiply_in_whole_single_precision():
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True

    disable_tf32()

    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32
