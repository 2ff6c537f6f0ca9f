"""Pictures of component masks (paper 3.1) for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from csad.images import ImageFile, read_rgb
from csad.imaging.masks import ComponentMask, load_masks
from csad.pseudo_labels.gallery import Tile, draw_contact_sheet, overlay
from csad.pseudo_labels.label_maps import MAXIMUM_CLASSES

SHEET_IMAGES = 24
SHEET_SIDE = 220
SIDE = 480
"""Pixels of a picture's long side, at most."""


def draw_mask_sheet(path: Path, files: Sequence[ImageFile], masks: Path, title: str, max_pixels: int) -> Path:
    """Show up to 24 images, evenly spaced, with their masks.

    Args:
        path: Picture file to write.
        files: Images, in their order.
        masks: Folder with a mask file per image.
        title: Heading.
        max_pixels: Larger images are refused.

    Returns:
        The path.

    Raises:
        StageError: A mask file is missing or damaged.
    """
    tiles = []
    for file in evenly_spaced(files, SHEET_IMAGES):
        found = load_masks(masks / f"{file.stem}.json")
        picture = mask_overlay(read_rgb(file.path, max_pixels), found)
        tiles.append(Tile(f"{file.stem}: {len(found)}", picture))
    return draw_contact_sheet(path, tiles, title, side=SHEET_SIDE)


def evenly_spaced(files: Sequence[ImageFile], count: int) -> list[ImageFile]:
    """Choose up to `count` files from the whole sequence."""
    chosen = np.unique(np.linspace(0, len(files) - 1, min(count, len(files))).round().astype(int))
    return [files[index] for index in chosen.tolist()]


def mask_overlay(
    image: NDArray[np.uint8], masks: Sequence[ComponentMask], labels: Sequence[int] | None = None
) -> NDArray[np.uint8]:
    """Colour the masks of an image, small ones over large ones.

    Args:
        image: RGB, uint8 (H, W, 3).
        masks: Masks of the image's proportions, at any size.
        labels: Colour of each mask, 0 for none; without them every mask has its own.

    Returns:
        RGB, uint8 (h, w, 3).
    """
    scale = min(1.0, SIDE / max(image.shape[:2]))
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    small = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0))
    colours = range(1, len(masks) + 1) if labels is None else labels
    drawn = np.zeros(small.shape[:2], dtype=np.uint8)
    order = sorted(zip(masks, colours, strict=True), key=lambda item: -int(np.count_nonzero(item[0].mask)))
    for component, colour in order:
        if colour:
            inside = np.asarray(Image.fromarray(component.mask).resize(size, Image.Resampling.NEAREST))
            drawn[inside] = 1 + (colour - 1) % MAXIMUM_CLASSES
    return overlay(small, drawn)
