import logging

import numpy as np
import pytest
import torch

from csad.features import compiled
from csad.features.backbone import Backbone, load_backbone
from csad.features.compiled import TOLERANCE, CompiledPyramid, accelerated, largest_difference


@pytest.fixture(scope="module")
def lite0():
    return load_backbone("tf_efficientnet_lite0", stages=3)


@pytest.fixture(scope="module")
def fast(lite0):
    return accelerated(lite0)


class Doubling(torch.nn.Module):
    """A pyramid of one stage."""

    def forward(self, image):
        return [2 * image]


class Request:
    """What OpenVINO would compute: its input times a factor."""

    def __init__(self, factor):
        self.factor = factor

    def infer(self, inputs, share_inputs, share_outputs):
        self.found = np.ascontiguousarray(self.factor * inputs[0])
        return self

    def to_tuple(self):
        return (self.found,)


def compiling_to(factor):
    return lambda pyramid, image: Request(factor)


@pytest.mark.parametrize(("count", "height", "width"), [(1, 64, 96), (3, 64, 96), (2, 128, 64)])
def test_a_compiled_backbone_gives_torchs_features_for_any_number_and_size_of_images(
    lite0, fast, count, height, width, caplog
):
    images = torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(count))

    found, expected = fast(images), lite0(images)

    assert [stage.shape for stage in found] == [stage.shape for stage in expected]
    assert largest_difference(found, expected) <= TOLERANCE
    assert all(stage.is_contiguous(memory_format=torch.channels_last) for stage in found)
    assert not caplog.records, "it was compiled, and did not fall back to torch"


def test_the_papers_network_is_compiled_too(caplog):
    torch.manual_seed(0)
    backbone = Backbone("wide_resnet50_2.tv2_in1k", stages=3)
    images = torch.rand(2, 3, 64, 64)

    assert largest_difference(accelerated(backbone)(images), backbone(images)) <= TOLERANCE
    assert not caplog.records


def test_a_compiled_backbone_shares_its_weights_and_leaves_the_other_as_it_was(lite0, fast):
    assert isinstance(fast.pyramid, CompiledPyramid)
    assert fast.pyramid.pyramid is lite0.pyramid
    assert (fast.channels, fast.weights) == (lite0.channels, lite0.weights)
    assert not isinstance(lite0.pyramid, CompiledPyramid)


def test_features_stay_when_other_images_come(fast):
    images = torch.rand(2, 1, 3, 64, 64, generator=torch.Generator().manual_seed(0))

    first = fast(images[0])
    kept = [stage.clone() for stage in first]
    fast(images[1])

    assert all(map(torch.equal, first, kept))
    assert all(map(torch.equal, fast(images[0]), kept)), "the same image gives the same features"


def test_images_of_torchs_inference_mode_are_taken(lite0):
    with torch.inference_mode():
        images = torch.rand(1, 3, 64, 64)
        assert largest_difference(accelerated(lite0)(images), lite0(images)) <= TOLERANCE


def test_without_openvino_torch_computes_and_says_what_it_costs(lite0, monkeypatch, caplog):
    monkeypatch.setattr(compiled, "ENGINE", "no_such_engine")

    with caplog.at_level(logging.INFO):
        assert accelerated(lite0) is lite0

    assert "no_such_engine is not installed" in caplog.text


def test_a_network_that_was_not_tested_computes_in_torch():
    backbone = Backbone("mobilenetv3_small_100.lamb_in1k", stages=2)

    assert accelerated(backbone) is backbone


@pytest.mark.parametrize("factor", [2.001, float("nan")])
def test_features_that_are_not_torchs_are_never_used(factor, monkeypatch, caplog):
    monkeypatch.setattr(compiled, "_compile", compiling_to(factor))
    pyramid = CompiledPyramid(Doubling())

    assert [stage.tolist() for stage in pyramid(torch.ones(1, 1, 1, 1))] == [[[[[2.0]]]]]
    assert [stage.tolist() for stage in pyramid(3 * torch.ones(1, 1, 1, 1))] == [[[[[6.0]]]]]

    (record,) = caplog.records
    assert "computes in torch" in record.getMessage()


def test_features_within_rounding_are_used(monkeypatch, caplog):
    monkeypatch.setattr(compiled, "_compile", compiling_to(2.0001))
    pyramid = CompiledPyramid(Doubling())

    assert pyramid(torch.ones(1, 1, 1, 1))[0].item() == pytest.approx(2.0001, abs=1e-6)
    assert not caplog.records


def test_a_network_that_does_not_compile_computes_in_torch_and_says_why(monkeypatch, caplog):
    def failing(pyramid, image):
        raise RuntimeError("no such operation\nin layer 7")

    monkeypatch.setattr(compiled, "_compile", failing)

    assert CompiledPyramid(Doubling())(torch.ones(1, 1, 1, 1))[0].item() == 2
    assert "does not compile it (no such operation)" in caplog.text


def test_the_largest_difference_is_a_fraction_of_the_largest_feature_of_a_stage():
    expected = [torch.tensor([[[[4.0, -8.0]]]]), torch.tensor([[[[1.0]]]])]

    # 2 of 8 in the first stage, 0.5 of 1 in the second.
    assert largest_difference([torch.tensor([[[[6.0, -8.0]]]]), torch.tensor([[[[1.0]]]])], expected) == 0.25
    assert largest_difference([torch.tensor([[[[6.0, -8.0]]]]), torch.tensor([[[[0.5]]]])], expected) == 0.5
