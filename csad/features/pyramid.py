"""A feature pyramid of strides 4, 8, 16 and 32 from any network of timm that gives feature maps.

The networks of paper 3.2 and 3.4 read its stages 1 and 3, and 2 and 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from csad.common.errors import WeightsError

STRIDES = (4, 8, 16, 32)
"""What the other parts read: 4 and 16 the decoder, 8 and 16 the students, 32 the components."""


def build_pyramid(name: str, stages: int) -> tuple[nn.Module, tuple[int, ...]]:
    """Build the part of a network that gives features, with random weights.

    Convolutional networks, and transformers with a pyramid, give their last layer of each stride. A plain vision
    transformer has one stride: its layers at a quarter, half, three quarters and all of its depth stand in, resized.

    Args:
        name: Name as timm names it.
        stages: How many stages to compute, 1 to 4.

    Returns:
        A module from normalised images (B, 3, H, W), H and W multiples of 32, to features (B, C, H/s, W/s) for the
        first `stages` of 4, 8, 16 and 32; and the channels C of each.

    Raises:
        WeightsError: The network gives no feature maps, or not at these strides.
    """
    try:
        probe = timm.create_model(name, features_only=True, pretrained=False)
    except Exception as error:  # timm raises RuntimeError, AttributeError, AssertionError and others
        raise WeightsError(f"backbone {name} gives no feature maps ({error}); choose another model of timm") from error
    reductions = list(probe.feature_info.reduction())
    if len(set(reductions)) == 1:
        return _transformer(name, probe, stages)
    wanted = [stride for stride in STRIDES[:stages] if stride in reductions]
    if len(wanted) < stages:
        raise WeightsError(
            f"backbone {name} gives features at the strides {_listed(reductions)}; "
            f"expected {_listed(STRIDES[:stages])}, choose another model of timm"
        )
    last = {stride: index for index, stride in enumerate(reductions)}
    indices = tuple(last[stride] for stride in wanted)
    pyramid = timm.create_model(name, features_only=True, pretrained=False, out_indices=indices)
    return pyramid, tuple(pyramid.feature_info.channels())


class TransformerPyramid(nn.Module):
    """Layers of a plain vision transformer as stages, each resized to its stride.

    Args:
        layers: timm's wrapper, which gives one map per chosen layer, all at the stride of a patch.
        patch: Side of a patch in pixels.
        stages: How many stages to give.
    """

    def __init__(self, layers: nn.Module, patch: int, stages: int) -> None:
        super().__init__()
        self.layers = layers
        self.patch = patch
        self.strides = STRIDES[:stages]
        # A patch of 14 pixels does not divide the canvas: the image is resized so that a patch sees 16.
        self.cell = next((stride for stride in STRIDES if stride >= patch), STRIDES[-1])

    def forward(self, image: Tensor) -> list[Tensor]:
        """Compute the stages of normalised images (B, 3, H, W): (B, C, H/s, W/s) each."""
        height, width = image.shape[-2:]
        if self.cell != self.patch:
            size = (height // self.cell * self.patch, width // self.cell * self.patch)
            image = functional.interpolate(image, size=size, mode="bilinear", antialias=True, align_corners=False)
        maps: list[Tensor] = self.layers(image)
        return [_resized(found, height // s, width // s) for found, s in zip(maps, self.strides, strict=True)]


def pyramid_state(pyramid: nn.Module, state: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Pick the tensors of a pyramid from those of the whole network.

    timm's wrappers put "layers.model." before a name, or join its first two parts by "_".

    Args:
        pyramid: What `build_pyramid` gave.
        state: Tensors of the whole network, by timm's names.
        name: Name of the network, for the error.

    Raises:
        WeightsError: A tensor of the pyramid is not among them.
    """
    flat = {key.replace(".", "_", 1): key for key in state}
    found, missing = {}, []
    for key in pyramid.state_dict():
        bare = key.removeprefix("layers.").removeprefix("model.")
        source = bare if bare in state else flat.get(bare)
        if source is None:
            missing.append(key)
        else:
            found[key] = state[source]
    if missing:
        raise WeightsError(
            f"backbone {name} cannot be used: the layers {missing[:5]} of its pyramid (first five) have other names "
            "than its weights; choose another model of timm"
        )
    return found


def check_pyramid(backbone: nn.Module, channels: tuple[int, ...], name: str) -> None:
    """Try a network on a small image that is no square.

    Raises:
        WeightsError: It fails there, or its features have another shape than expected.
    """
    height, width = 64, 96
    expected = [(1, c, height // s, width // s) for c, s in zip(channels, STRIDES, strict=False)]
    try:
        found = [tuple(stage.shape) for stage in backbone(torch.zeros(1, 3, height, width))]
    except Exception as error:  # whatever a network of timm raises at a size that it does not take
        raise WeightsError(
            f"backbone {name} fails on an image of {width}x{height} ({error}); choose a model of timm that takes "
            "images of any size"
        ) from error
    if found != expected:
        raise WeightsError(
            f"backbone {name} gives features of the shapes {found}; expected {expected}, choose another model of timm"
        )


def _transformer(name: str, probe: nn.Module, stages: int) -> tuple[nn.Module, tuple[int, ...]]:
    info: Any = probe.feature_info  # timm's own record, unknown to nn.Module
    depth = len(info.info)
    patch = int(info.reduction()[0])
    if depth < len(STRIDES):
        raise WeightsError(
            f"backbone {name} has one stride, {patch}, and {depth} layers; expected a pyramid, or a vision transformer "
            f"of at least {len(STRIDES)} layers"
        )
    indices = tuple(depth * (stage + 1) // len(STRIDES) - 1 for stage in range(stages))
    try:
        layers = timm.create_model(
            name, features_only=True, pretrained=False, out_indices=indices, dynamic_img_size=True
        )
    except TypeError as error:
        raise WeightsError(
            f"backbone {name} takes images of one size only ({error}); choose another model of timm"
        ) from error
    return TransformerPyramid(layers, patch, stages), tuple(layers.feature_info.channels())


def _resized(found: Tensor, rows: int, columns: int) -> Tensor:
    if found.shape[-2] > rows:
        return functional.adaptive_avg_pool2d(found, (rows, columns))
    if found.shape[-2] == rows:
        return found
    return functional.interpolate(found, size=(rows, columns), mode="bilinear", align_corners=False)


def _listed(strides: tuple[int, ...] | list[int]) -> str:
    return ", ".join(map(str, strides))
