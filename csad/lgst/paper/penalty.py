"""Images that are not of the product, made from the product's own images (ours; penalty of paper 3.4).

EfficientAD keeps the local student from imitating the teacher everywhere with images of ImageNet. None is at hand here.
What counts is that no 33x33 patch stays as it was: a normal patch in a penalty image would contradict the loss of the
same patch in a training image. So every penalty image is turned and zoomed, recoloured, shuffled in cells smaller than
a patch, and blended with a random texture.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

CELL_SIDES = (4, 8, 16)
"""Sides in pixels of the shuffled cells, all below the local student's receptive field of 33."""

ZOOMS = (0.35, 0.8)
"""Fraction of the image that is enlarged to the whole."""

TEXTURE_FRACTION = (0.3, 0.7)


def penalty_images(images: Tensor, size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Make one penalty image from each product image.

    Args:
        images: float32 (B, 3, H, W) in 0..1.
        size: Height and width of the penalty images.
        generator: CPU generator of the draws.

    Returns:
        float32 (B, 3, *size) in 0..1.
    """
    return torch.stack([penalty_image(image, size, generator) for image in images])


def penalty_image(image: Tensor, size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Make one penalty image (3, *size) from an image (3, H, W) in 0..1."""
    distorted = recolour(turn_and_zoom(image, size, generator), generator)
    side = CELL_SIDES[int(torch.randint(len(CELL_SIDES), (1,), generator=generator))]
    shuffled = shuffle_cells(distorted, side, generator)
    fraction = uniform(*TEXTURE_FRACTION, generator)
    return (1 - fraction) * shuffled + fraction * random_texture(size, generator).to(image.device)


def turn_and_zoom(image: Tensor, size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Enlarge a random turned part of an image (3, H, W) to (3, *size), mirrored beyond the border."""
    angle = uniform(0, 2 * math.pi, generator)
    zoom = uniform(*ZOOMS, generator)
    across, down = uniform(-0.5, 0.5, generator), uniform(-0.5, 0.5, generator)
    cosine, sine = zoom * math.cos(angle), zoom * math.sin(angle)
    affine = torch.tensor([[[cosine, -sine, across], [sine, cosine, down]]], device=image.device)
    places = F.affine_grid(affine, [1, 3, *size], align_corners=False)
    return F.grid_sample(image[None], places, padding_mode="reflection", align_corners=False)[0]


def recolour(image: Tensor, generator: torch.Generator) -> Tensor:
    """Permute the channels of (3, H, W), bend the tone curve of each and invert each with probability one half."""
    order = torch.randperm(3, generator=generator)
    gamma = torch.exp(torch.empty(3).uniform_(-0.7, 0.7, generator=generator)).to(image.device)
    inverted = torch.randint(2, (3,), generator=generator).bool().to(image.device)
    bent = image[order.to(image.device)].clamp(0, 1) ** gamma[:, None, None]
    return torch.where(inverted[:, None, None], 1 - bent, bent)


def shuffle_cells(image: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """Permute the cells of `side` pixels of an image (3, H, W); a rest narrower than a cell is mirrored in."""
    _, height, width = image.shape
    rows, columns = -(-height // side), -(-width // side)
    margin = (0, columns * side - width, 0, rows * side - height)
    whole = F.pad(image[None], margin, mode="reflect")[0]
    cells = whole.reshape(3, rows, side, columns, side).permute(1, 3, 0, 2, 4).reshape(rows * columns, 3, side, side)
    cells = cells[torch.randperm(len(cells), generator=generator).to(image.device)]
    shuffled = cells.reshape(rows, columns, 3, side, side).permute(2, 0, 3, 1, 4)
    return shuffled.reshape(3, rows * side, columns * side)[:, :height, :width]


def random_texture(size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Coloured noise at four scales, (3, *size) in 0..1."""
    texture = torch.zeros(1, 3, *size)
    for scale in (4, 8, 16, 32):
        coarse = (1, 3, max(2, size[0] // scale), max(2, size[1] // scale))
        noise = torch.rand(coarse, generator=generator)
        texture += F.interpolate(noise, size=size, mode="bilinear", align_corners=False)
    low, high = texture.amin(), texture.amax()
    return ((texture - low) / (high - low))[0]


def uniform(low: float, high: float, generator: torch.Generator) -> float:
    """Draw one number between `low` and `high`."""
    return float(torch.empty(1).uniform_(low, high, generator=generator))
