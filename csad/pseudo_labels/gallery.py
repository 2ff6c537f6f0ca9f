"""Pictures of the pseudo-labels (paper 3.1) for people: a gallery per class, an overlay per image, a contact sheet."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from csad.common.atomic import replacing
from csad.pseudo_labels.cluster import Clustering
from csad.pseudo_labels.palette import class_colours

TILE = 112
GAP = 6
TITLE = 40
COLUMNS = 6
EXAMPLES = 24
"""Components shown per class."""

CONTEXT = 0.15
"""Fraction of a component's size shown around it."""

DIMMED = 0.3
"""Brightness of what surrounds a component."""

OPACITY = 0.45
"""Opacity of an overlay's colours."""

PAPER = (255, 255, 255)
INK = (32, 32, 32)

Picture = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Tile:
    """A picture with a caption on a contact sheet.

    Attributes:
        caption: One line; cut where it is too long.
        picture: RGB, uint8 (h, w, 3), any size.
    """

    caption: str
    picture: Picture


def choose_examples(
    labels: NDArray[np.integer], image_of_component: NDArray[np.integer], seed: int, count: int = EXAMPLES
) -> dict[int, list[int]]:
    """Choose components to show per class, from as many different images as there are.

    Args:
        labels: Class of each component, (N,), 0 = dropped.
        image_of_component: (N,).
        seed: Draws the examples.
        count: At most this many per class.

    Returns:
        Component indices per class, ascending; classes ascending.
    """
    generator = np.random.default_rng(seed)
    chosen: dict[int, list[int]] = {}
    for label in np.unique(labels[labels > 0]).tolist():
        members = generator.permutation(np.flatnonzero(labels == label))
        seen: dict[int, int] = {}
        turns = []
        for image in image_of_component[members].tolist():
            turns.append(seen.get(image, 0))
            seen[image] = turns[-1] + 1
        first_turns = members[np.argsort(turns, kind="stable")][:count]
        chosen[label] = sorted(first_turns.tolist())
    return chosen


def component_picture(image: Picture, mask: NDArray[np.bool_]) -> Picture:
    """Cut out a component with a little of its surroundings, dimmed.

    Args:
        image: RGB, uint8 (H, W, 3).
        mask: bool (H, W), not empty.

    Returns:
        uint8 (h, w, 3).
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    margin = 2 + round(CONTEXT * max(np.ptp(rows), np.ptp(columns)))
    top, left = max(0, int(rows[0]) - margin), max(0, int(columns[0]) - margin)
    window = (slice(top, int(rows[-1]) + 1 + margin), slice(left, int(columns[-1]) + 1 + margin))
    crop, inside = image[window], mask[window][..., None]
    picture: Picture = np.where(inside, crop, (DIMMED * crop).astype(np.uint8))
    return picture


def draw_galleries(
    folder: Path,
    clustering: Clustering,
    image_of_component: NDArray[np.integer],
    picture_of: Callable[[int], Picture],
    seed: int,
) -> list[Path]:
    """Draw one picture per class: up to 24 components from different images.

    Args:
        folder: Output; created where it is missing.
        clustering: Classes of the components.
        image_of_component: Image of each component, (N,).
        picture_of: Gives the picture of a component by its index, see `component_picture`; asked in ascending order, so
            that a caller may keep the last image.
        seed: Draws the examples.

    Returns:
        `component_001.png` and so on, by class.
    """
    examples = choose_examples(clustering.labels, image_of_component, seed)
    pictures = {index: _fit(picture_of(index)) for index in sorted(set().union(*examples.values()))}
    paths = []
    for label, indices in examples.items():
        size, images = clustering.sizes[label - 1], clustering.images_per_cluster[label - 1]
        title = f"component {label}: {size} components in {images} images"
        sheet = _grid([pictures[index] for index in indices], title, _colour(label))
        paths.append(_save(folder / f"component_{label:03d}.png", sheet))
    return paths


def overlay(image: Picture, label_map: NDArray[np.uint8]) -> Picture:
    """Colour the classes of an image and draw their outlines.

    Args:
        image: RGB, uint8 (H, W, 3).
        label_map: uint8 (H, W).

    Returns:
        RGB, uint8 (H, W, 3); background stays as it is.
    """
    colours = class_colours(256)[label_map].astype(np.float32)
    mixed = np.where(label_map[..., None] > 0, (1 - OPACITY) * image + OPACITY * colours, image)
    # An outline that stays visible when a large image is shown small.
    width = 1 + min(label_map.shape) // 500
    outline = (ndimage.minimum_filter(label_map, 1 + 2 * width) != label_map) & (label_map > 0)
    outline |= (ndimage.maximum_filter(label_map, 1 + 2 * width) != label_map) & (label_map > 0)
    mixed[outline] = colours[outline]
    return mixed.round().astype(np.uint8)


def draw_overlay(path: Path, image: Picture, label_map: NDArray[np.uint8]) -> Path:
    """Write the overlay of one image; see `overlay`.

    Returns:
        The path.
    """
    return _save(path, Image.fromarray(overlay(image, label_map)))


def draw_contact_sheet(path: Path, tiles: Sequence[Tile], title: str, columns: int = COLUMNS, side: int = TILE) -> Path:
    """Write many pictures on one sheet, each with its caption.

    Args:
        path: PNG or JPEG file.
        tiles: Pictures in reading order; may be empty.
        title: Heading.
        columns: Pictures per row.
        side: Pixels of a picture's square.

    Returns:
        The path.
    """
    pictures = [_fit(tile.picture, side) for tile in tiles]
    return _save(path, _grid(pictures, title, INK, columns, [tile.caption for tile in tiles], side))


def _grid(
    pictures: Sequence[Image.Image],
    title: str,
    colour: tuple[int, int, int],
    columns: int = COLUMNS,
    captions: Sequence[str] = (),
    side: int = TILE,
) -> Image.Image:
    line = 18 if captions else 0
    rows = max(1, math.ceil(len(pictures) / columns))
    size = (GAP + columns * (side + GAP), TITLE + rows * (side + GAP + line) + GAP)
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.rectangle((0, 0, TITLE // 4, TITLE - GAP), fill=colour)
    _write(draw, (TITLE // 4 + 2 * GAP, GAP), title, size[0] - TITLE, ImageFont.load_default(18))
    small = ImageFont.load_default(11)
    for position, picture in enumerate(pictures):
        left = GAP + (position % columns) * (side + GAP)
        top = TITLE + (position // columns) * (side + GAP + line)
        sheet.paste(picture, (left, top))
        if captions:
            _write(draw, (left, top + side + 1), captions[position], side, small)
    return sheet


def _write(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    text: str,
    width: int,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    cut = text
    while cut and draw.textlength(cut, font=font) > width:
        cut = cut[:-2].rstrip("…") + "…" if len(cut) > 2 else ""
    draw.text(place, cut, fill=INK, font=font)


def _fit(picture: Picture, side: int = TILE) -> Image.Image:
    """Scale a picture into a tile, centred on the sheet's colour of shadow."""
    scale = side / max(picture.shape[:2])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    tile = Image.new("RGB", (side, side), INK)
    tile.paste(
        Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0),
        ((side - size[0]) // 2, (side - size[1]) // 2),
    )
    return tile


def _colour(label: int) -> tuple[int, int, int]:
    red, green, blue = class_colours(256)[label].tolist()
    return red, green, blue


def _save(path: Path, picture: Image.Image) -> Path:
    with replacing(path) as temporary:
        picture.save(temporary)
    return path
