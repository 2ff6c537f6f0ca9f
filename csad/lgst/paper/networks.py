"""Networks of the local and the global student (paper 3.4, after EfficientAD, arXiv:2303.14535)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import torch.nn.functional as F
from torch import Tensor, nn

RECEPTIVE_FIELD = 33
"""Side in pixels of the patch that one cell of the local student sees."""

PATCH_STRIDES = (4, 8, 16, 32)
"""Pixels between two patches that the local student can describe."""

IMAGE_CENTRE, IMAGE_SCALE = 0.45, 0.225
"""Inputs in 0..1 are brought to about zero mean and unit deviation."""

ENCODER_STRIDE = 32
DOUBLINGS = 4

HeadDesign = Literal["heads", "double", "same"]
HEAD_DESIGNS: tuple[HeadDesign, ...] = get_args(HeadDesign)
"""How one network imitates both the teacher and the global student (paper 3.4, table 5)."""


@dataclass(frozen=True)
class PatchFeatures:
    """What the local student says about each patch.

    Attributes:
        teacher: float32 (B, C, h, w), its imitation of the teacher.
        global_student: float32 (B, C, h, w), its imitation of the global student.
    """

    teacher: Tensor
    global_student: Tensor


class PatchDescriptionNetwork(nn.Module):
    """Local student: every output cell describes one 33x33 patch and nothing else.

    Only the image is padded (by reflection), so that patches are centred on the cells of a grid of `stride` pixels. The
    last convolution takes that stride, hence a coarse grid costs less and keeps the receptive field.

    Args:
        channels: Width of the teacher, C.
        stride: Pixels per output cell, one of 4, 8, 16, 32.
        width: Channels of the first layer; the deeper ones have twice as many (paper: 128).
        design: "heads" (one 1x1 convolution for each, the paper's), "double" (twice the channels, halved), or "same"
            (one output for both).
    """

    def __init__(self, channels: int, stride: int, width: int, design: HeadDesign = "heads") -> None:
        super().__init__()
        if stride not in PATCH_STRIDES:
            raise ValueError(f"Found a patch stride of {stride}, expected one of {PATCH_STRIDES}.")
        self.stride = stride
        self.margin_before = (RECEPTIVE_FIELD - stride) // 2
        self.margin_after = RECEPTIVE_FIELD - stride - self.margin_before
        self.design = design
        last = {"heads": 2 * width, "double": 2 * channels, "same": channels}[design]
        self.body = nn.Sequential(
            nn.Conv2d(3, width, kernel_size=4),  # sees 4 pixels
            nn.ReLU(inplace=True),
            nn.AvgPool2d(kernel_size=2),  # 5
            nn.Conv2d(width, 2 * width, kernel_size=4),  # 11
            nn.ReLU(inplace=True),
            nn.AvgPool2d(kernel_size=2),  # 13
            nn.Conv2d(2 * width, 2 * width, kernel_size=3),  # 21
            nn.ReLU(inplace=True),
            nn.Conv2d(2 * width, last, kernel_size=4, stride=stride // 4),  # 33
        )
        if design == "heads":
            self.body.append(nn.ReLU(inplace=True))
            self.teacher_head = nn.Conv2d(2 * width, channels, kernel_size=1)
            self.global_head = nn.Conv2d(2 * width, channels, kernel_size=1)
        keep_variance(self.body)

    def pad(self, image: Tensor) -> Tensor:
        """Add the margin that `describe` needs.

        Args:
            image: float32 (B, 3, H, W) in 0..1.

        Returns:
            float32 (B, 3, H + 33 - stride, W + 33 - stride).
        """
        before, after = self.margin_before, self.margin_after
        return F.pad(image, (before, after, before, after), mode="reflect")

    def describe(self, padded: Tensor) -> PatchFeatures:
        """Describe the patches of an image that already carries its margin.

        Args:
            padded: float32 (B, 3, h * stride + 33 - stride, w * stride + 33 - stride) in 0..1.
        """
        hidden = self.body((padded - IMAGE_CENTRE) / IMAGE_SCALE)  # (B, 2 * width, 2 * C or C, h, w)
        if self.design == "double":
            return PatchFeatures(*hidden.chunk(2, dim=1))
        if self.design == "same":
            return PatchFeatures(hidden, hidden)
        return PatchFeatures(self.teacher_head(hidden), self.global_head(hidden))

    def forward(self, image: Tensor) -> PatchFeatures:
        """Describe an image of (B, 3, H, W) in 0..1 on its grid of (H / stride, W / stride)."""
        return self.describe(self.pad(image))


class Autoencoder(nn.Module):
    """Global student: predicts the teacher's map through one vector per image.

    Args:
        channels: Width of the teacher, C.
        canvas: Height and width of the images, multiples of 32.
        grid: Rows and columns of the teacher's map.
        width: Channels of the hidden layers (EfficientAD: 64; the first two have half).
        bottleneck: Length of the vector (EfficientAD: 64).
    """

    def __init__(
        self, channels: int, canvas: tuple[int, int], grid: tuple[int, int], width: int, bottleneck: int
    ) -> None:
        super().__init__()
        if any(side % ENCODER_STRIDE or not side for side in canvas):
            raise ValueError(f"Found a canvas of {canvas[0]}x{canvas[1]}, expected sides that are multiples of 32.")
        deepest = (canvas[0] // ENCODER_STRIDE, canvas[1] // ENCODER_STRIDE)
        encoder: list[nn.Module] = []
        widths = (3, width // 2, width // 2, width, width, width)
        for before, after in pairwise(widths):
            encoder += [nn.Conv2d(before, after, kernel_size=4, stride=2, padding=1), nn.ReLU(inplace=True)]
        self.encoder = nn.Sequential(*encoder, nn.Conv2d(width, bottleneck, kernel_size=deepest))
        sizes = growing_grids(grid)
        decoder: list[nn.Module] = [nn.ConvTranspose2d(bottleneck, width, kernel_size=sizes[0]), nn.ReLU(inplace=True)]
        for size in sizes[1:]:
            decoder += [
                nn.Upsample(size=size, mode="bilinear", align_corners=False),
                nn.Conv2d(width, width, kernel_size=3, padding=1),
                nn.ReLU(inplace=True),
            ]
        self.decoder = nn.Sequential(*decoder, nn.Conv2d(width, channels, kernel_size=3, padding=1))
        keep_variance(self.encoder)

    def forward(self, image: Tensor) -> Tensor:
        """Predict the teacher's map.

        Args:
            image: float32 (B, 3, H, W) in 0..1, of the size `canvas`.

        Returns:
            float32 (B, C, h, w).
        """
        code = self.encoder((image - IMAGE_CENTRE) / IMAGE_SCALE)  # (B, bottleneck, 1, 1)
        predicted: Tensor = self.decoder(code)
        return predicted


def growing_grids(grid: tuple[int, int]) -> list[tuple[int, int]]:
    """Sizes of a decoder that about doubles up to `grid` and starts with no side under 2 unless the grid has one.

    Example: (32, 64) gives (2, 4), (4, 8), (8, 16), (16, 32), (32, 64).
    """
    sizes = [grid]
    while len(sizes) <= DOUBLINGS and min(sizes[-1]) >= 4:
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    return sizes[::-1]


def patch_stride(canvas: tuple[int, int], grid: tuple[int, int]) -> int:
    """The coarsest patch stride whose patches are no sparser than the cells of `grid`."""
    fitting = [s for s in PATCH_STRIDES if canvas[0] // s >= grid[0] and canvas[1] // s >= grid[1]]
    return max(fitting, default=PATCH_STRIDES[0])


def keep_variance(layers: nn.Sequential) -> None:
    """Initialise convolutions so that rectified activations keep their variance: short budgets start faster."""
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
