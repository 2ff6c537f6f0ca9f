"""What a GPU trained is never taken for what the CPU would have trained."""

import pytest
import torch

from csad.common.errors import DeviceError
from csad.compute.compute_device import VARIABLE
from csad.stages import clustering, evaluation, ingest, lgst, masks, segnet, statistics, tagging


@pytest.fixture(autouse=True)
def _two_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


def keys_on(devices, stage, line, monkeypatch):
    keys = []
    for device in devices:
        monkeypatch.setenv(VARIABLE, device)
        keys.append(stage.STAGE.key(line, 0, {}))
    return keys


@pytest.mark.parametrize("stage", [segnet, lgst])
def test_what_is_trained_depends_on_the_kind_of_device(stage, tiny_line, monkeypatch):
    cpu, gpu, other_gpu = keys_on(("cpu", "cuda", "cuda:1"), stage, tiny_line, monkeypatch)

    assert cpu != gpu
    assert gpu == other_gpu


@pytest.mark.parametrize("stage", [segnet, lgst])
@pytest.mark.parametrize(("module", "name"), [(torch, "get_num_threads"), (torch.backends.cpu, "get_cpu_capability")])
def test_what_a_cpu_trains_depends_on_its_threads_and_vector_units(stage, module, name, tiny_line, monkeypatch):
    monkeypatch.setattr(module, name, lambda: 2)
    two, same = keys_on(("cpu", "cpu"), stage, tiny_line, monkeypatch)
    gpu = keys_on(("cuda",), stage, tiny_line, monkeypatch)
    monkeypatch.setattr(module, name, lambda: 4)

    assert two == same
    assert keys_on(("cpu",), stage, tiny_line, monkeypatch) != [two]
    assert keys_on(("cuda",), stage, tiny_line, monkeypatch) == gpu


@pytest.mark.parametrize("stage", [ingest, clustering, statistics, evaluation])
def test_what_is_only_computed_does_not_depend_on_threads(stage, tiny_line, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    two = keys_on(("cpu",), stage, tiny_line, monkeypatch)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)

    assert keys_on(("cpu",), stage, tiny_line, monkeypatch) == two


@pytest.mark.parametrize("stage", [ingest, clustering, statistics, evaluation])
def test_what_is_only_computed_does_not(stage, tiny_line, monkeypatch):
    cpu, gpu = keys_on(("cpu", "cuda"), stage, tiny_line, monkeypatch)

    assert cpu == gpu


@pytest.mark.parametrize("stage", [tagging, masks])
def test_what_foundation_models_say_does_not(stage):
    assert stage.STAGE.device() is None


def test_a_device_that_is_not_there_is_found_before_the_stage(tiny_line, monkeypatch):
    with pytest.raises(DeviceError, match="no device 'cuda:5' in this machine"):
        keys_on(("cuda:5",), segnet, tiny_line, monkeypatch)
