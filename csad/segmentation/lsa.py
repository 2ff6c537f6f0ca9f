"""Logical synthetic anomalies: components pasted where they do not belong, with their labels (paper 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

MINIMUM_DISPLACEMENT = 0.1
"""The pasted component's centre lies at least this fraction of the image size away from where it came (paper)."""

MAXIMUM_PASTES = 2
MINIMUM_PIXELS = 12
PLACEMENT_TRIES = 10


@dataclass(frozen=True)
class LabelledImage:
    """An image and its label map.

    Attributes:
        pixels: RGB, uint8 (H, W, 3).
        labels: Class per pixel, uint8 (H, W), 0 = background.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.uint8]


@dataclass(frozen=True)
class Component:
    """One connected component cut out of a labelled image, with its class and where its centre was (row, column)."""

    pixels: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    label: int
    centre: tuple[float, float]


def components_of(image: LabelledImage) -> list[Component]:
    """Cut a labelled image into its connected components, tiny specks left out."""
    components = []
    for label in np.unique(image.labels[image.labels > 0]):
        regions, _ = ndimage.label(image.labels == label)
        for index, box in enumerate(ndimage.find_objects(regions), start=1):
            mask = regions[box] == index
            if mask.sum() >= MINIMUM_PIXELS:
                centre = ((box[0].start + box[0].stop) / 2, (box[1].start + box[1].stop) / 2)
                components.append(Component(image.pixels[box], mask, int(label), centre))
    return components


def paste_components(
    image: LabelledImage, components: Sequence[Component], generator: np.random.Generator
) -> LabelledImage:
    """Paste one or two of the components at random other places, turned at random.

    Args:
        image: The image that becomes anomalous; it is not changed.
        components: Candidates, as `components_of` another labelled image gave them. With none the image stays as it is.
        generator: Source of randomness.
    """
    if not components:
        return image
    pixels, labels = image.pixels.copy(), image.labels.copy()
    for index in generator.integers(0, len(components), size=generator.integers(1, MAXIMUM_PASTES + 1)):
        _paste(pixels, labels, components[index], generator)
    return LabelledImage(pixels, labels)


def _paste(
    pixels: NDArray[np.uint8], labels: NDArray[np.uint8], component: Component, generator: np.random.Generator
) -> None:
    angle = float(generator.uniform(0, 360))
    turned = np.asarray(Image.fromarray(component.pixels).rotate(angle, Image.Resampling.BILINEAR, expand=True))
    mask = np.asarray(Image.fromarray(component.mask).rotate(angle, Image.Resampling.NEAREST, expand=True))
    height, width = labels.shape
    row, column = _new_centre(component.centre, height, width, generator)
    top, left = row - mask.shape[0] // 2, column - mask.shape[1] // 2
    inside = (
        slice(max(0, -top), min(mask.shape[0], height - top)),
        slice(max(0, -left), min(mask.shape[1], width - left)),
    )
    here = (
        slice(max(0, top), max(0, top) + inside[0].stop - inside[0].start),
        slice(max(0, left), max(0, left) + inside[1].stop - inside[1].start),
    )
    visible = mask[inside]
    pixels[here][visible] = turned[inside][visible]
    labels[here][visible] = component.label


def _new_centre(
    centre: tuple[float, float], height: int, width: int, generator: np.random.Generator
) -> tuple[int, int]:
    for _ in range(PLACEMENT_TRIES):
        row, column = generator.uniform(0, height), generator.uniform(0, width)
        if np.hypot((row - centre[0]) / height, (column - centre[1]) / width) >= MINIMUM_DISPLACEMENT:
            break
    return int(row), int(column)
