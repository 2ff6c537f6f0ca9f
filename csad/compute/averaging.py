"""Exponential moving average of weights in training."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def averaged_model(model: nn.Module, decay: float) -> AveragedModel:
    """Follow a model's weights and buffers; `update_parameters` after each step.

    The n-th update keeps min(decay, n / (n + 9)) of the average, so that the first, random weights soon count little.

    Args:
        model: In training; the average is a copy of it, `AveragedModel.module`.
        decay: Limit of what an update keeps, 0..1.
    """

    def update(averaged: Sequence[Tensor], current: Sequence[Tensor], updates: Tensor | int) -> None:
        if averaged[0].is_floating_point():
            count = int(updates)
            move = get_ema_multi_avg_fn(min(decay, count / (count + 9)))  # type: ignore[no-untyped-call]
            move(averaged, current, count)
        else:
            for average, value in zip(averaged, current, strict=True):
                average.copy_(value)

    averaged = AveragedModel(model, multi_avg_fn=update, use_buffers=True)
    averaged.requires_grad_(False)
    averaged.update_parameters(model)  # the first update copies
    return averaged
