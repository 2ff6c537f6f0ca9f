"""Dropout whose draws do not depend on the device (for the decoder of paper 3.2)."""

import torch
from torch import Tensor, nn


class SeededDropout(nn.Dropout):
    """Dropout that draws on the CPU, from torch's global generator.

    So a seed drops the same everywhere, and a checkpoint that holds the CPU's generator holds all draws.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Drop features (B, C, h, w) with probability `p` and enlarge the others, in training alone."""
        if not self.training or self.p == 0:
            return features
        kept = torch.empty_like(features, device="cpu").bernoulli_(1 - self.p).div_(1 - self.p)
        return features * kept.to(features.device)


def draw_on_cpu(module: nn.Module) -> None:
    """Replace every dropout inside a module, in place."""
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Dropout):
            setattr(module, name, SeededDropout(child.p))
        else:
            draw_on_cpu(child)
