"""How RAM++ (arXiv:2310.15200) sees an image: the whole of it, squeezed into a square."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor
from torchvision.transforms import v2


def prepare(pixels: NDArray[np.uint8], side: int) -> Tensor:
    """Resize and normalise one image.

    Args:
        pixels: RGB, uint8 (H, W, 3).
        side: S, the side of the network's input.

    Returns:
        float32 (1, 3, S, S).
    """
    whole = v2.Compose(
        [
            v2.Resize((side, side), v2.InterpolationMode.BILINEAR),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD),
        ]
    )
    prepared: Tensor = whole(Image.fromarray(pixels))[None]
    return prepared
