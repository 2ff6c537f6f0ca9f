"""One image of each product type, before anything is known about its components.

The paper tags one image of each type, chosen by hand (3.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from csad.config.line import ProductLine
from csad.images import ImageFile, read_rgb
from csad.pseudo_labels.label_filter import filter_label_maps

SAMPLE = 48
"""Images that are compared, evenly spaced."""

SIDE = 16
"""Side of the thumbnails in pixels."""

COMPONENTS = 4
"""Principal components of the thumbnails: with all their pixels, two of three juices counted as one type."""


def images_to_tag(line: ProductLine, files: Sequence[ImageFile]) -> list[ImageFile]:
    """Choose the training images whose parts are named.

    Args:
        line: Product line; `line.tags.images` is a number, or "auto" for the first image of each product type.
        files: Training images, sorted, at least one.

    Returns:
        At least one image, in the order of `files`.

    Raises:
        ImageError: An image cannot be read.
    """
    wanted: Literal["auto"] | int = line.tags.images
    if wanted != "auto":
        return [files[index] for index in _evenly(len(files), wanted)]
    if line.pseudo_labels.types == 1:
        return [files[0]]
    sample = [files[index] for index in _evenly(len(files), SAMPLE)]
    thumbnails = np.stack([_thumbnail(line, file) for file in sample])
    types = filter_label_maps(_principal(thumbnails), line.pseudo_labels).type_of_image.tolist()
    return [sample[index] for index in sorted(types.index(kind) for kind in set(types) - {-1})]


def _evenly(count: int, wanted: int) -> list[int]:
    """Up to `wanted` positions in 0..count - 1, the first one among them."""
    indices: list[int] = np.unique(np.linspace(0, count - 1, min(wanted, count)).round().astype(int)).tolist()
    return indices


def _thumbnail(line: ProductLine, file: ImageFile) -> NDArray[np.float64]:
    pixels = read_rgb(file.path, line.images.max_pixels)
    small = Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float64).ravel() / 255


def _principal(thumbnails: NDArray[np.float64]) -> NDArray[np.float64]:
    """Main differences between the images, none of them negative, (n, components)."""
    centred = thumbnails - thumbnails.mean(axis=0)
    left, spread, _ = np.linalg.svd(centred, full_matrices=False)
    projected = left[:, :COMPONENTS] * spread[:COMPONENTS]
    result: NDArray[np.float64] = projected - projected.min(axis=0)
    return result
