"""1 x 1 convolutions as matrix products, for the training of the decoder of paper 3.2: the same function, sooner."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class PointwiseConv2d(nn.Conv2d):
    """A 1 x 1 convolution that multiplies matrices.

    Torch's own convolution copies its input for that when it trains on one processor. An exported graph keeps the
    convolution, which is what other runtimes know how to fuse.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Mix the channels of features (B, C, h, w): (B, C', h, w), channels last in memory."""
        rows = functional.linear(features.permute(0, 2, 3, 1), self.weight.flatten(1), self.bias)
        return rows.permute(0, 3, 1, 2)


def multiply_pointwise(module: nn.Module) -> None:
    """Let every plain 1 x 1 convolution of a module, or itself, multiply matrices; its weights stay the same ones."""
    for child in module.modules():
        if isinstance(child, nn.Conv2d) and child.kernel_size == (1, 1) and _is_plain(child):
            # As torch's lazy modules become what they are: a new one would draw weights of its own first.
            child.__class__ = PointwiseConv2d


def _is_plain(convolution: nn.Conv2d) -> bool:
    return convolution.groups == 1 and convolution.stride == (1, 1) and convolution.padding == (0, 0)
