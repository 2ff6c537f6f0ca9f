"""Any network of timm that gives feature maps can be the backbone, with a weights file of its own."""

import pytest
import timm
import torch
from safetensors.torch import save_file

from csad.common.errors import WeightsError
from csad.features.architectures import architecture_of
from csad.features.backbone import backbone_from_tensors, load_backbone

CONVNEXT = "convnext_atto.d2_in1k"
VIT = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"
DINO = "vit_small_patch14_dinov2.lvd142m"


def write_weights(name, path, **changes):
    """Random weights of a real architecture, as timm names them; a change of None removes a tensor."""
    torch.manual_seed(0)
    model = timm.create_model(name, pretrained=False)
    state = model.state_dict() | changes
    save_file({key: value.contiguous() for key, value in state.items() if value is not None}, path)
    return model.eval()


@pytest.fixture(scope="module")
def convnext(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "convnext.safetensors"
    return write_weights(CONVNEXT, path), path


@pytest.fixture(scope="module")
def vit(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "vit.safetensors"
    return write_weights(VIT, path), path


def normalised(image, mean, std):
    return (image - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)


@torch.no_grad()
def test_a_convnext_gives_its_own_four_stages(convnext):
    model, path = convnext
    image = torch.rand(1, 3, 64, 96)
    stages = load_backbone(CONVNEXT, str(path))(image)

    assert [tuple(stage.shape) for stage in stages] == [
        (1, 40, 16, 24),
        (1, 80, 8, 12),
        (1, 160, 4, 6),
        (1, 320, 2, 3),
    ]
    expected = model.stages(model.stem(normalised(image, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))))
    torch.testing.assert_close(stages[3], expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_a_vision_transformer_gives_layers_3_6_9_and_12_at_the_four_strides(vit):
    model, path = vit
    image = torch.rand(1, 3, 224, 224)
    stages = load_backbone(VIT, str(path))(image)

    assert [tuple(stage.shape) for stage in stages] == [(1, 192, side, side) for side in (56, 28, 14, 7)]
    tokens = model.forward_intermediates(
        normalised(image, (0.5,) * 3, (0.5,) * 3), indices=[8], intermediates_only=True
    )
    torch.testing.assert_close(stages[2], tokens[0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("fixture", ["convnext", "vit"])
def test_fewer_stages_are_the_first_of_all(fixture, request):
    name, path = {"convnext": CONVNEXT, "vit": VIT}[fixture], str(request.getfixturevalue(fixture)[1])
    image = torch.rand(1, 3, 64, 96)

    torch.testing.assert_close(load_backbone(name, path, stages=3)(image), load_backbone(name, path)(image)[:3])


def test_a_patch_of_14_pixels_sees_a_cell_of_16(tmp_path):
    write_weights(DINO, tmp_path / "dino.safetensors")
    backbone = load_backbone(DINO, str(tmp_path / "dino.safetensors"), stages=3)

    assert backbone.strides == (4, 8, 16)
    assert [tuple(stage.shape) for stage in backbone(torch.rand(1, 3, 64, 96))] == [
        (1, 384, 16, 24),
        (1, 384, 8, 12),
        (1, 384, 4, 6),
    ]


@pytest.mark.parametrize("fixture", ["convnext", "vit"])
def test_stored_tensors_rebuild_the_same_backbone(fixture, request):
    name, path = {"convnext": CONVNEXT, "vit": VIT}[fixture], str(request.getfixturevalue(fixture)[1])
    loaded = load_backbone(name, path, stages=3)
    again = backbone_from_tensors(name, loaded.weights, 3, loaded.pyramid.state_dict())
    image = torch.rand(1, 3, 64, 64)

    assert all(torch.equal(a, b) for a, b in zip(again(image), loaded(image), strict=True))
    assert not again.training
    assert not any(parameter.requires_grad for parameter in again.parameters())


def test_any_other_backbone_needs_a_weights_file():
    with pytest.raises(WeightsError, match=r"no package carries the weights of convnext_atto.*set backbone\.weights"):
        load_backbone(CONVNEXT)


def test_a_missing_and_an_unexpected_tensor_are_named(tmp_path):
    write_weights(VIT, tmp_path / "vit.safetensors", cls_token=None, extra=torch.zeros(1))

    with pytest.raises(WeightsError, match=r"missing \['cls_token'\], unexpected \['extra'\]"):
        load_backbone(VIT, str(tmp_path / "vit.safetensors"))


def test_a_position_embedding_of_another_size_is_not_resized_silently(tmp_path):
    changes = {"pos_embed": torch.zeros(1, 50, 192)}
    write_weights(VIT, tmp_path / "vit.safetensors", **changes)

    with pytest.raises(WeightsError, match=r"(?s)vit\.safetensors does not fit .*pos_embed"):
        load_backbone(VIT, str(tmp_path / "vit.safetensors"))


def test_other_names_in_the_same_order_are_not_taken_for_the_same_network(convnext, tmp_path):
    state = {f"other.{index:03}": value for index, value in enumerate(convnext[0].state_dict().values())}
    save_file({key: value.contiguous() for key, value in state.items()}, tmp_path / "other.safetensors")

    with pytest.raises(WeightsError, match=r"unexpected \['other\.000'"):
        load_backbone(CONVNEXT, str(tmp_path / "other.safetensors"))


def test_a_name_whose_weights_are_scaled_differently_needs_its_tag():
    # The augreg weights were trained on RGB in -1..1, those of DINO on ImageNet's mean and deviation.
    with pytest.raises(WeightsError, match=r"differ in how the input is scaled; .*vit_small_patch16_224\.dino"):
        architecture_of("vit_small_patch16_224")
    assert architecture_of("vit_small_patch16_224.dino").mean == (0.485, 0.456, 0.406)
    assert architecture_of("vit_small_patch16_224.augreg_in1k").mean == (0.5, 0.5, 0.5)


def test_an_unknown_tag_names_the_known_ones():
    with pytest.raises(WeightsError, match=r"has no weights of that tag; .*convnext_atto\.d2_in1k"):
        architecture_of("convnext_atto.d2_in2k")


def test_a_network_without_feature_maps_is_refused():
    with pytest.raises(WeightsError, match="mixer_s32_224"):
        load_backbone("mixer_s32_224", __file__)
