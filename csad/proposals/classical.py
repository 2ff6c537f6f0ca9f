"""Component masks from colour alone, for machines without a foundation model.

Two ways of seeing, after the paper's two modes (3.1): where a product is a handful of separate parts on an even
background, each part is a component (coarse); where it is one body, its regions of one colour are (fine).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.color import rgb2lab
from skimage.segmentation import felzenszwalb

from csad.imaging.canvas import Canvas
from csad.imaging.foreground import foreground_mask
from csad.imaging.masks import WHOLE_PART, ComponentMask, MaskProposer
from csad.proposals.part_finding import most_constant, ways_to_tell_parts
from csad.proposals.parts import MINIMUM_AREA, Segmenter, measure_parts, separate_parts

SMALLEST_REGION = 0.0005
"""Fraction of the canvas; smaller regions are merged into a neighbour."""

WORKING_AREA = 131_072
"""Pixels at which regions are grown; finer detail is texture."""

FELZENSZWALB_SCALE = 150.0
FELZENSZWALB_SIGMA = 0.8
MERGE_DISTANCE = 6.0
"""Neighbouring regions closer than this in mean LAB colour are one component."""

logger = logging.getLogger(__name__)


class WholeParts:
    """Coarse: each connected part of the foreground is one component.

    Args:
        segment: Tells parts from what they lie on.
    """

    name = "classical: whole parts"

    def __init__(self, segment: Segmenter) -> None:
        self._segment = segment

    def propose(self, image: NDArray[np.uint8]) -> list[ComponentMask]:
        """Find the separate parts of an image, uint8 (H, W, 3)."""
        foreground = self._segment(image)
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
            masks.append(ComponentMask(mask, "colour region", 1.0))
        return masks


def build_classical(sample: Sequence[NDArray[np.uint8]], canvas: Canvas, mode: str) -> MaskProposer:
    """Choose the way of seeing from a sample of normal images.

    Args:
        sample: Normal images, uint8 (H, W, 3), from the whole training set.
        canvas: Where the product is.
        mode: "coarse" for whole parts, "fine" for colour regions, "auto" to find out.
    """
    if mode == "fine":
        return ColourRegions(canvas)
    standing_out = measure_parts(foreground_mask, sample)
    logger.info("classical proposals, against the border: %s", standing_out.describe())
    ways = ways_to_tell_parts(sample, standing_out.reliable())
    chosen = most_constant(ways, sample)
    if chosen is not None:
        return WholeParts(chosen)
    if standing_out.reliable() or (mode == "coarse" and standing_out.single_body()):
        return WholeParts(foreground_mask)
    if mode == "coarse":
        return WholeParts(ways[0])
    return ColourRegions(canvas)


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
    return ComponentMask(np.asarray(resized), WHOLE_PART, 1.0)
