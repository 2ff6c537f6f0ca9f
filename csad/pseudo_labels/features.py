"""One vector per component: what it looks like, whatever its angle and size (paper 3.1).

The component on black, its rectangle's diagonal scaled to 64 pixels, in many rotations (the paper's 60), through the
last stage of the backbone; the mean over places and rotations. Ours adds the mean colour.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.color import rgb2lab
from torch import Tensor
from torch.nn import functional

from csad.common.errors import StageError
from csad.pseudo_labels.rectangle import minimum_area_rectangle

SIDE = 64
"""Side of the square that a component is drawn on; also the diagonal of its smallest rectangle (paper 3.1)."""

BATCH = 192
"""Rotated pictures per pass of the backbone: about 10 MB of input."""

LEAST_COLOUR_SPREAD = 10.0
"""LAB units; parts that vary less in colour are not told apart by it."""


class Pyramid(Protocol):
    """A feature extractor such as `csad.features.backbone.Backbone`."""

    def __call__(self, image: Tensor) -> list[Tensor]:
        """Map RGB in 0..1, float32 (B, 3, H, W), to stages (B, C, h, w), the last one the deepest."""
        ...


@torch.inference_mode()
def component_features(
    image: NDArray[np.uint8],
    masks: NDArray[np.bool_],
    backbone: Pyramid,
    rotations: int,
    device: torch.device | str = "cpu",
) -> NDArray[np.float32]:
    """Describe the components of one image by the backbone's last stage (paper 3.1).

    A component alone on black, its smallest rectangle's diagonal scaled to 64 px, is centred on 64 x 64 pixels in
    `rotations` angles over the full turn; the last stage is averaged over its height, its width and the angles.

    Args:
        image: RGB, uint8 (H, W, 3).
        masks: bool (N, H, W), none of them empty.
        backbone: Frozen feature pyramid on `device`.
        rotations: Angles, evenly spaced, the first one 0.
        device: Where the pictures are drawn and described.

    Returns:
        float32 (N, C); (0, 0) when there are no masks.

    Raises:
        StageError: A mask is empty.
    """
    per_pass = max(1, BATCH // rotations)
    means: list[Tensor] = []
    for pictures in _batches(image, masks, rotations, per_pass, torch.device(device)):
        deepest = backbone(pictures)[-1]  # (n R, C, h, w)
        per_angle = deepest.mean(dim=(2, 3)).reshape(-1, rotations, deepest.shape[1])
        means.append(per_angle.mean(dim=1).float().cpu())
    if not means:
        return np.zeros((0, 0), dtype=np.float32)
    features: NDArray[np.float32] = torch.cat(means).numpy()
    return features


def rotated_pictures(
    image: NDArray[np.uint8], mask: NDArray[np.bool_], rotations: int, device: torch.device | str = "cpu"
) -> Tensor:
    """Draw one component in every angle.

    All angles are sampled in one call, straight from the crop; a component larger than 64 px is first shrunk with an
    anti-aliasing filter, since bilinear sampling would skip pixels.

    Args:
        image: RGB, uint8 (H, W, 3).
        mask: bool (H, W), not empty.
        rotations: Angles, evenly spaced over the full turn, the first one 0.
        device: Where the pictures are drawn.

    Returns:
        RGB in 0..1 on black, float32 (rotations, 3, 64, 64).

    Raises:
        StageError: The mask is empty.
    """
    rectangle = minimum_area_rectangle(mask)
    rows, columns = _extent(mask)
    window = mask[rows, columns]
    crop = torch.from_numpy(np.where(window[..., None], image[rows, columns], 0)).to(device)
    source = crop.permute(2, 0, 1)[None].float() / 255  # (1, 3, h, w)
    height, width = window.shape
    scale = rectangle.diagonal / SIDE  # pixels of the image per pixel drawn
    if scale > 1:
        size = (math.ceil(height / scale), math.ceil(width / scale))
        source = functional.interpolate(source, size=size, mode="bilinear", antialias=True)
    # A border of black: beyond the crop's edge the samples fade as they do beyond the mask's.
    source = functional.pad(source, (1, 1, 1, 1))
    border_x, border_y = (source.shape[3] / (source.shape[3] - 2), source.shape[2] / (source.shape[2] - 2))

    centre = (rectangle.centre[0] - columns.start, rectangle.centre[1] - rows.start)
    points = _sampling_points(rotations, scale, device)  # (R, 64, 64, 2), pixels from the centre
    x = (2 * (points[..., 0] + centre[0]) / width - 1) / border_x
    y = (2 * (points[..., 1] + centre[1]) / height - 1) / border_y
    grid = torch.stack([x, y], dim=-1).flatten(0, 1)[None]  # (1, R 64, 64, 2)
    drawn = functional.grid_sample(source, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return drawn.reshape(3, rotations, SIDE, SIDE).transpose(0, 1)  # (R, 3, 64, 64)


def mean_colours(image: NDArray[np.uint8], masks: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Mean LAB colour of each component (L 0..100, a and b about -100..100).

    Args:
        image: RGB, uint8 (H, W, 3).
        masks: bool (N, H, W), none of them empty.

    Returns:
        float32 (N, 3).

    Raises:
        StageError: A mask is empty.
    """
    colours = np.zeros((len(masks), 3), dtype=np.float32)
    for row, mask in zip(colours, masks, strict=True):
        if not mask.any():
            raise StageError("a component mask holds no pixel; expected at least one, drop empty masks first")
        row[:] = rgb2lab(image[mask]).mean(axis=0)
    return colours


def join_features(deep: NDArray[np.float32], colours: NDArray[np.float32]) -> NDArray[np.float32]:
    """Put what the network sees and the colour, which it hardly does, on one scale.

    The network was trained to know an orange at dusk: juices of two colours are nearly one point to it. On the bottles
    of docs/measurements.md colour makes the three products come apart with none left out.

    Args:
        deep: Features of the network, (N, C).
        colours: Mean LAB colours, (N, 3).

    Returns:
        float32 (N, C + 3): each part over its root mean square distance from its mean, so that both count alike; the
        colours of a line without colour do not count more than they differ.
    """
    spread = max(_spread(deep), 1e-6)
    return np.concatenate([deep / spread, colours / max(_spread(colours), LEAST_COLOUR_SPREAD)], axis=1)


def _spread(vectors: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.square(vectors - vectors.mean(axis=0)).sum(axis=1).mean())) if len(vectors) else 0.0


def _batches(
    image: NDArray[np.uint8], masks: NDArray[np.bool_], rotations: int, per_pass: int, device: torch.device
) -> Iterator[Tensor]:
    for start in range(0, len(masks), per_pass):
        chunk = masks[start : start + per_pass]
        yield torch.cat([rotated_pictures(image, mask, rotations, device) for mask in chunk])


def _extent(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _sampling_points(rotations: int, scale: float, device: torch.device | str) -> Tensor:
    """Offsets (x, y) from the component's centre, in image pixels, for every pixel of every angle."""
    axis = (torch.arange(SIDE, device=device, dtype=torch.float32) + 0.5 - SIDE / 2) * scale
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    angle = torch.arange(rotations, device=device, dtype=torch.float32) * (2 * math.pi / rotations)
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    return torch.stack([cos * x - sin * y, sin * x + cos * y], dim=-1)
