"""Training and scoring on a GPU that is only pretended: a tensor left on the CPU fails these tests."""

import logging

import pytest
import torch

from csad.images import read_rgb
from csad.scoring.model_folder import read_manifest
from csad.scoring.scorer import Scorer
from csad.stages.training import train
from tests.pretended_gpu import GPU

LEARNING_STAGES = ("clustering", "segnet", "lgst", "statistics", "evaluation")
pytestmark = pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter:UserWarning")


@pytest.fixture
def gpu(pretended_gpu, monkeypatch):
    """Stages and scorers find the pretended GPU and use it."""
    monkeypatch.setattr("csad.compute.compute_device.chosen_device", lambda name=None: GPU)
    monkeypatch.setattr("csad.scoring.scorer.check_device", lambda name: None)
    monkeypatch.setattr("csad.scoring.runtimes.choice.check_device", lambda name: None)
    return pretended_gpu


def test_tensors_of_two_devices_do_not_mix(gpu):
    with pytest.raises(RuntimeError, match="expected all tensors on the same device"):
        torch.ones(2, device=GPU) + torch.ones(2)


def test_the_gpu_draws_nothing(gpu):
    with pytest.raises(RuntimeError, match="a seed means something else"):
        torch.ones(2, device=GPU).bernoulli_()


def test_values_leave_the_gpu_as_they_came(gpu):
    values = torch.arange(6.0).view(2, 3)

    assert torch.equal((values.to(GPU) * 2).cpu(), values * 2)
    assert values.to(GPU).argmax().item() == 5


def differing_tensors(one, other):
    names = {file.name for file in one.glob("*.safetensors")}
    assert names == {file.name for file in other.glob("*.safetensors")}
    return [name for name in sorted(names) if (one / name).read_bytes() != (other / name).read_bytes()]


def test_a_line_trains_on_the_gpu_to_the_model_of_the_cpu(
    tiny_line, tiny_line_data, tmp_path, monkeypatch, request, caplog
):
    # The CPU computes its backbone in torch, too: through OpenVINO it differs by rounding.
    monkeypatch.setattr("csad.features.compiled.TESTED", ())
    on_cpu = train(tiny_line, tiny_line_data, tmp_path / "cpu", seed=3).model
    gpu = request.getfixturevalue("gpu")

    with caplog.at_level(logging.INFO):
        result = train(tiny_line, tiny_line_data, tmp_path / "gpu", seed=3, evaluate=True)

    assert differing_tensors(result.model, on_cpu) == []
    assert read_manifest(result.model).normal_scores == read_manifest(on_cpu).normal_scores
    assert gpu.convolutions["meta"] > 0
    assert gpu.convolutions["cpu"] == 0
    for stage in LEARNING_STAGES:
        assert f"{stage}: on meta" in caplog.text


@pytest.mark.usefixtures("gpu")
def test_a_model_scores_alike_on_either_device(tiny_model, tiny_line_data):
    images = [read_rgb(path) for path in sorted((tiny_line_data / "test").rglob("*.png"))]

    on_gpu, on_cpu = (Scorer.load(tiny_model, device).score_batch(images) for device in (str(GPU), "cpu"))

    assert [score.value for score in on_gpu] == [score.value for score in on_cpu]
    assert [score.explanations for score in on_gpu] == [score.explanations for score in on_cpu]
    assert all((one.map == other.map).all() for one, other in zip(on_gpu, on_cpu, strict=True))
