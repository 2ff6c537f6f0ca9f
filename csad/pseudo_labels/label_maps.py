"""Label maps: which class each pixel of a normal image shows (paper 3.1)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from csad.common.atomic import replacing
from csad.common.errors import StageError
from csad.pseudo_labels.palette import class_colours

LARGEST_HOLE = 0.05
"""Fraction of the area that encloses it."""

MAXIMUM_CLASSES = 255
"""Classes that a uint8 map can tell apart, background excluded."""


def draw_label_map(masks: NDArray[np.bool_], labels: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Draw the components of one image, small ones over large ones, and fill the holes of each class.

    Args:
        masks: Components, bool (N, H, W).
        labels: Their classes, (N,), 1..255; 0 leaves a component out.

    Returns:
        uint8 (H, W), 0 is background.

    Raises:
        StageError: A class above 255.
    """
    if len(labels) and int(np.max(labels)) > MAXIMUM_CLASSES:
        raise StageError(
            f"class {int(np.max(labels))} does not fit a label map, which holds {MAXIMUM_CLASSES}; "
            "raise pseudo_labels.bandwidth_quantile or pseudo_labels.minimum_image_fraction"
        )
    label_map = np.zeros(masks.shape[1:], dtype=np.uint8)
    areas = np.count_nonzero(masks, axis=(1, 2))
    for index in np.argsort(-areas, kind="stable"):
        if labels[index]:
            label_map[masks[index]] = labels[index]
    return fill_holes(label_map)


def fill_holes(label_map: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give small patches of background that a class encloses to that class; other classes inside it stay.

    A hole of more than `LARGEST_HOLE` of what encloses it is the part's shape: a washer keeps its hole.

    Args:
        label_map: uint8 (H, W).

    Returns:
        uint8 (H, W). A hole within two classes belongs to the inner one.
    """
    filled_regions = []
    for label, box in enumerate(ndimage.find_objects(label_map), start=1):
        if box is None:
            continue
        # A hole lies within its class's bounding box: with dozens of classes the whole map would be looked at in vain.
        region = _with_small_holes_filled(label_map[box] == label)
        filled_regions.append((int(np.count_nonzero(region)), label, box, region))
    filled = label_map.copy()
    for _, label, box, region in sorted(filled_regions, key=lambda item: item[:2]):
        part = filled[box]
        part[region & (part == 0)] = label
    return filled


def _with_small_holes_filled(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    filled = ndimage.binary_fill_holes(region)
    holes, count = ndimage.label(filled & ~region)
    if not count:
        return region
    bodies, _ = ndimage.label(filled)
    hole_area = np.bincount(holes.ravel())[1:]
    body_area = np.bincount(bodies.ravel())
    body_of_hole = ndimage.maximum(bodies, holes, index=np.arange(1, count + 1)).astype(int)
    small = np.concatenate([[False], hole_area <= LARGEST_HOLE * body_area[body_of_hole]])
    result: NDArray[np.bool_] = region | small[holes]
    return result


def class_histogram(label_map: NDArray[np.uint8], class_count: int) -> NDArray[np.float64]:
    """Fraction of the image that each class covers.

    Args:
        label_map: uint8 (H, W), values 0..class_count.
        class_count: Classes, background excluded.

    Returns:
        float64 (class_count,); sums to 1 less the background.

    Raises:
        StageError: The map holds a class above class_count.
    """
    counts = np.bincount(label_map.ravel(), minlength=class_count + 1)
    if len(counts) > class_count + 1:
        raise StageError(
            f"the label map holds class {len(counts) - 1}, expected at most {class_count}; "
            "it was made with other clusters, run the clustering stage again"
        )
    return counts[1:] / label_map.size


def save_label_map(folder: Path, stem: str, label_map: NDArray[np.uint8]) -> Path:
    """Write `<stem>.png`, whose pixels are the classes and whose palette shows them in their colours.

    Args:
        folder: Created where it is missing.
        stem: Stem of the image.
        label_map: uint8 (H, W).

    Returns:
        Path of the file.
    """
    path = folder / f"{stem}.png"
    picture = Image.fromarray(label_map)
    picture.putpalette(class_colours(MAXIMUM_CLASSES + 1).tobytes())
    with replacing(path) as temporary:
        picture.save(temporary)
    return path


def load_label_map(folder: Path, stem: str) -> NDArray[np.uint8]:
    """Read the label map of an image, uint8 (H, W).

    Raises:
        StageError: The file is missing, damaged, or no label map.
    """
    path = folder / f"{stem}.png"
    try:
        with Image.open(path) as picture:
            mode = picture.mode
            label_map = np.array(picture)
    except FileNotFoundError:
        raise StageError(f"label map {path} does not exist; run the clustering stage first") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise StageError(f"label map {path} is damaged ({error}); run the clustering stage again") from error
    if mode not in ("P", "L"):
        raise StageError(f"{path} is a picture of mode {mode}, expected a label map; run the clustering stage again")
    return label_map
