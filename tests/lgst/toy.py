"""A backbone and a product small enough for tests."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from csad.lgst.teacher import Teacher, TeacherFit


class ToyBackbone(nn.Module):
    """Random frozen convolutions with the four strides and few channels."""

    channels = (4, 6, 10, 4)
    strides = (4, 8, 16, 32)

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.filters = nn.ParameterList(
            nn.Parameter(torch.randn(c, 3, s, s, generator=generator) / s, requires_grad=False)
            for c, s in zip(self.channels, self.strides, strict=True)
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        return [F.conv2d(image, f, stride=s) for f, s in zip(self.filters, self.strides, strict=True)]


def toy_images(count: int, seed: int, height: int = 64, width: int = 64) -> list[Tensor]:
    """A grey plate with a blue square in its middle, under light that varies a little."""
    generator = torch.Generator().manual_seed(seed)
    images = []
    for _ in range(count):
        image = torch.full((3, height, width), 0.5) + 0.05 * torch.randn(3, 1, 1, generator=generator)
        image[2, height // 4 : 3 * height // 4, width // 4 : 3 * width // 4] += 0.3
        image += 0.01 * torch.randn(3, height, width, generator=generator)
        images.append(image.clamp(0, 1))
    return images


def with_red_spot(image: Tensor) -> Tensor:
    """A patch never seen: a red spot of 12 pixels at the upper left."""
    spoilt = image.clone()
    spoilt[0, 8:20, 8:20], spoilt[1:, 8:20, 8:20] = 1.0, 0.0
    return spoilt


def fit_teacher(
    backbone: nn.Module,
    batches: Iterable[Tensor],
    channels: int,
    seed: int,
    grid: tuple[int, int] | None = None,
) -> Teacher:
    """A teacher of these images, float32 (B, 3, H, W) each."""
    fit = TeacherFit(backbone, channels, seed, grid)
    for batch in batches:
        fit.add(backbone(batch), (batch.shape[-2], batch.shape[-1]))
    return fit.build()
