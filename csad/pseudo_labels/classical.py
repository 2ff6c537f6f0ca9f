"""Component masks from colour alone, for machines without a foundation model.

Two ways of seeing, after the paper's two modes (3.1): where a product is a handful of separate parts on an even
background, each part is a component (coarse); where it is one body, its regions of one colour are (fine).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from skimage.color import rgb2lab
from skimage.segmentation import felzenszwalb

from csad.canvas import Canvas
from csad.foreground import foreground_mask
from csad.pseudo_labels.masks import ComponentMask

MINIMUM_AREA = 0.001
"""Of the canvas; smaller masks are dropped (paper, released program)."""

SMALLEST_REGION = 0.0005
"""Of the canvas; smaller regions are merged into a neighbour."""

WORKING_AREA = 131_072
"""Pixels at which regions are grown; finer detail is texture."""

FELZENSZWALB_SCALE = 150.0
FELZENSZWALB_SIGMA = 0.8
MERGE_DISTANCE = 6.0
"""Neighbouring regions closer than this in mean LAB colour are one component."""

MINIMUM_PARTS = 3
"""Median number of separate parts from which a product counts as a set of parts."""

logger = logging.getLogger(__name__)


class WholeParts:
    """Coarse: each connected part of the foreground is one component."""

    name = "classical: whole parts"

    def propose(self, image: NDArray[np.uint8]) -> list[ComponentMask]:
        """Find the separate parts of an image, uint8 (H, W, 3)."""
        foreground = foreground_mask(image)
        if foreground is None:
            return []
        return [_component(part, image.shape[:2]) for part in separate_parts(foreground)]


class ColourRegions:
    """Fine: regions of one colour inside the product's box, the even background left out."""

    name = "classical: colour regions"

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas

    def propose(self, image: NDArray[np.uint8]) -> list[ComponentMask]:
        """Find the regions of an image, uint8 (H, W, 3)."""
        left, top, right, bottom = self._canvas.pixel_box(image.shape[0], image.shape[1])
        crop = image[top:bottom, left:right]
        scale = min(1.0, (WORKING_AREA / (crop.shape[0] * crop.shape[1])) ** 0.5)
        size = (max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale)))
        small = np.asarray(Image.fromarray(crop).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0))
        regions = colour_regions(small)
        foreground = foreground_mask(image)
        if foreground is not None:
            box = Image.fromarray(foreground).resize((image.shape[1], image.shape[0]), Image.Resampling.NEAREST)
            inside = np.asarray(box.crop((left, top, right, bottom)).resize(size, Image.Resampling.NEAREST))
            regions = np.where(inside, regions, 0)
        minimum = MINIMUM_AREA * regions.size
        masks = []
        for region in np.flatnonzero(np.bincount(regions.ravel()) >= minimum):
            if region == 0:
                continue
            mask = np.zeros(image.shape[:2], dtype=bool)
            resized = Image.fromarray(regions == region).resize((right - left, bottom - top), Image.Resampling.NEAREST)
            mask[top:bottom, left:right] = np.asarray(resized)
            masks.append(ComponentMask(mask, "classical", 1.0))
        return masks


def shows_separate_parts(images: Iterable[NDArray[np.uint8]]) -> bool:
    """Tell from a sample of normal images whether the product is a set of separate parts on an even background."""
    counts = []
    for image in images:
        foreground = foreground_mask(image)
        counts.append(0 if foreground is None else len(separate_parts(foreground)))
    median = float(np.median(counts)) if counts else 0.0
    logger.info("classical proposals: a median of %.0f separate parts in %d images", median, len(counts))
    return median >= MINIMUM_PARTS


def separate_parts(foreground: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Split a foreground mask (h, w) into its connected parts, specks left out, largest first."""
    labels, count = ndimage.label(foreground)
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    areas[0] = 0
    kept = [part for part in np.argsort(-areas, kind="stable") if areas[part] >= MINIMUM_AREA * foreground.size]
    return [labels == part for part in kept]


def colour_regions(image: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Grow regions of one colour and merge neighbours of nearly the same colour: int32 (H, W), labels from 1."""
    lab = rgb2lab(image)
    smallest = max(4, round(SMALLEST_REGION * image.shape[0] * image.shape[1]))
    regions = felzenszwalb(
        lab / 100.0, scale=FELZENSZWALB_SCALE, sigma=FELZENSZWALB_SIGMA, min_size=smallest, channel_axis=2
    )
    return merge_similar(regions.astype(np.int32), lab) + 1


def merge_similar(regions: NDArray[np.int32], lab: NDArray[np.float64]) -> NDArray[np.int32]:
    """Merge neighbouring regions, the most alike first, until none are closer than `MERGE_DISTANCE`.

    Args:
        regions: Labels from 0, int32 (H, W).
        lab: The image in LAB, (H, W, 3).
    """
    count = int(regions.max()) + 1
    areas = np.bincount(regions.ravel(), minlength=count).astype(float)
    sums = np.stack([np.bincount(regions.ravel(), lab[..., c].ravel(), minlength=count) for c in range(3)], axis=1)
    parent = np.arange(count)
    edges = _neighbours(regions)
    while len(edges):
        means = sums / areas[:, None]
        distances = np.linalg.norm(means[edges[:, 0]] - means[edges[:, 1]], axis=1)
        closest = int(np.argmin(distances))
        if distances[closest] >= MERGE_DISTANCE:
            break
        kept, gone = edges[closest]
        areas[kept] += areas[gone]
        sums[kept] += sums[gone]
        parent[parent == gone] = kept
        edges = np.where(edges == gone, kept, edges)
        edges = np.unique(np.sort(edges[edges[:, 0] != edges[:, 1]], axis=1), axis=0)
    _, compact = np.unique(parent[regions], return_inverse=True)
    return compact.reshape(regions.shape).astype(np.int32)


def _neighbours(regions: NDArray[np.int32]) -> NDArray[np.int64]:
    across = np.stack([regions[:, :-1].ravel(), regions[:, 1:].ravel()], axis=1)
    down = np.stack([regions[:-1].ravel(), regions[1:].ravel()], axis=1)
    pairs = np.concatenate([across, down]).astype(np.int64)
    return np.unique(np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1), axis=0)


def _component(part: NDArray[np.bool_], shape: Sequence[int]) -> ComponentMask:
    resized = Image.fromarray(part).resize((shape[1], shape[0]), Image.Resampling.NEAREST)
    return ComponentMask(np.asarray(resized), "classical", 1.0)
