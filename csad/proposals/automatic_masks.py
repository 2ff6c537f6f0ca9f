"""Object proposals of a whole image: SAM-HQ asked at a grid of points, on the image and on its crops (paper 3.1).

After the automatic mask generator of Segment Anything (arXiv:2304.02643, appendix B), with two differences: an
image that was encoded for other prompts is not encoded again, and a mask whose predicted quality is too low is never
drawn at full size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torchvision.ops import nms

from csad.config.settings import FoundationSettings
from csad.foundation.sam import EncodedImage, SamHq
from csad.proposals.regions import Region, bounding_boxes

STABILITY_OFFSET = 1.0
"""Logits by which the cut-off is raised and lowered to measure stability."""

CROP_OVERLAP = 512 / 1500
"""Overlap of the first layer's crops, as a fraction of the image's short side."""

EDGE = 20
"""Pixels from a crop's inner edge within which a mask counts as cut off."""

EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True)
class Crop:
    """A part of an image.

    Attributes:
        left: First column.
        top: First row.
        right: Behind the last column.
        bottom: Behind the last row.
    """

    left: int
    top: int
    right: int
    bottom: int

    @property
    def area(self) -> int:
        """Pixels."""
        return (self.right - self.left) * (self.bottom - self.top)

    def of(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Cut it out of an image (H, W, 3)."""
        return np.ascontiguousarray(image[self.top : self.bottom, self.left : self.right])


def crops_of(size: tuple[int, int], layers: int) -> list[Crop]:
    """Divide an image into overlapping crops.

    Args:
        size: (H, W).
        layers: Layer n = 1.. has 2^n crops along each side.

    Returns:
        The crops of all layers, the image itself not among them.
    """
    height, width = size
    crops = []
    for layer in range(1, layers + 1):
        per_side = 2**layer
        overlap = int(CROP_OVERLAP * min(size) * 2 / per_side)
        across = math.ceil((overlap * (per_side - 1) + width) / per_side)
        down = math.ceil((overlap * (per_side - 1) + height) / per_side)
        for column in range(per_side):
            for row in range(per_side):
                left, top = (across - overlap) * column, (down - overlap) * row
                if left < width and top < height:
                    crops.append(Crop(left, top, min(left + across, width), min(top + down, height)))
    return crops


def propose_objects(
    sam: SamHq, image: NDArray[np.uint8], encoded: EncodedImage, settings: FoundationSettings
) -> list[Region]:
    """Propose the objects of an image.

    Args:
        sam: Answers the prompts.
        image: RGB, uint8 (H, W, 3).
        encoded: The same image's encoding; the crops alone are encoded here.
        settings: Grid, thresholds and layers.
    """
    size = encoded.size
    whole = Crop(0, 0, size[1], size[0])
    found = _at_grid(sam, encoded, whole, size, settings)
    areas = [whole.area] * len(found)
    for crop in crops_of(size, settings.crop_layers):
        regions = _at_grid(sam, sam.encode(crop.of(image)), crop, size, settings)
        found += regions
        areas += [crop.area] * len(regions)
    if settings.crop_layers:
        # What a smaller crop shows is seen in more detail.
        found = _without_copies(found, [1 / area for area in areas], settings.mask_overlap)
    return _tidied(found, size, settings)


def point_grid(per_side: int) -> NDArray[np.float64]:
    """Points in the middles of a grid's cells, row by row, (per_side^2, 2), x and y in 0..1."""
    middles = (np.arange(per_side) + 0.5) / per_side
    x, y = np.meshgrid(middles, middles)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def _at_grid(
    sam: SamHq, encoded: EncodedImage, crop: Crop, size: tuple[int, int], settings: FoundationSettings
) -> list[Region]:
    """Propose the objects of one crop, in pixels of the image."""
    points = point_grid(settings.points_per_side) * [encoded.size[1], encoded.size[0]]
    found: list[Region] = []
    for predictions in sam.prompt_points(encoded, points[:, None], ambiguous=True):
        good = predictions.scores > settings.predicted_iou
        asked = predictions.start + torch.nonzero(good)[:, 0].cpu().numpy()
        chosen = predictions.select(good)
        scores, done = chosen.scores.tolist(), 0
        for logits in sam.draw(encoded, chosen.logits):  # (m, h, w)
            part = slice(done, done + len(logits))
            done = part.stop
            found += _stable(logits, sam.threshold, scores[part], points[asked[part]], settings.stability)
    whole = Crop(0, 0, size[1], size[0])
    moved = [region.moved(crop.left, crop.top) for region in found]
    inside = [region for region in moved if not _is_cut_off(region, crop, whole)]
    return _without_copies(inside, [region.score for region in inside], settings.mask_overlap)


def _stable(
    logits: Tensor, threshold: float, scores: Sequence[float], points: NDArray[np.float64], least: float
) -> Iterator[Region]:
    """Regions of the logits (m, h, w) that hardly depend on the cut-off."""
    narrow = (logits > threshold + STABILITY_OFFSET).flatten(1).sum(dim=1)
    wide = (logits > threshold - STABILITY_OFFSET).flatten(1).sum(dim=1)
    stability = (narrow / wide).tolist()
    masks = logits > threshold
    boxes = bounding_boxes(masks).tolist()
    for mask, (left, top, right, bottom), score, point, stable in zip(
        masks, boxes, scores, points.tolist(), stability, strict=True
    ):
        if stable >= least and right >= left:
            crop = mask[top : bottom + 1, left : right + 1].cpu().numpy()
            yield Region.of(crop, left, top, score, stability=stable, point=(point[0], point[1]))


def _is_cut_off(region: Region, crop: Crop, image: Crop) -> bool:
    """Whether a region reaches an edge of its crop that is no edge of the image."""
    sides = (
        (region.left, crop.left, image.left),
        (region.top, crop.top, image.top),
        (region.left + region.width - 1, crop.right, image.right),
        (region.top + region.height - 1, crop.bottom, image.bottom),
    )
    return any(abs(at - edge) <= EDGE and abs(at - outer) > EDGE for at, edge, outer in sides)


def _without_copies(regions: Sequence[Region], ranks: Sequence[float], overlap: float) -> list[Region]:
    """Keep the highest rank among regions whose bounding boxes overlap more; the best first."""
    if not regions:
        return []
    boxes = [(r.left, r.top, r.left + r.width - 1, r.top + r.height - 1) for r in regions]
    kept = nms(torch.tensor(boxes, dtype=torch.float32), torch.tensor(ranks, dtype=torch.float32), overlap)
    return [regions[index] for index in kept.tolist()]


def _tidied(regions: Sequence[Region], size: tuple[int, int], settings: FoundationSettings) -> list[Region]:
    """Remove small holes and islands; of copies, keep what needed no change."""
    if not settings.minimum_region:
        return list(regions)
    tidy, unchanged = [], []
    for region in regions:
        tidied = without_specks(region, size, settings.minimum_region)
        tidy.append(tidied or region)
        unchanged.append(float(tidied is None))
    return _without_copies(tidy, unchanged, settings.mask_overlap)


def without_specks(region: Region, size: tuple[int, int], minimum: int) -> Region | None:
    """Fill the holes and remove the islands of fewer than `minimum` pixels.

    Args:
        region: A mask.
        size: (H, W) of the image: what a mask cuts off at the image's edge is a hole, too.
        minimum: Pixels; where every island is smaller, the largest stays.

    Returns:
        The changed mask, or None where there is nothing to change.
    """
    # Around the mask lie enough pixels that its surroundings are no hole.
    margin = math.isqrt(minimum) + 1
    top, left = max(0, region.top - margin), max(0, region.left - margin)
    bottom = min(size[0], region.top + region.height + margin)
    right = min(size[1], region.left + region.width + margin)
    mask = np.zeros((bottom - top, right - left), dtype=bool)
    rows, columns = region.window
    mask[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = region.crop()

    holes, areas = _patches(~mask)
    small_holes = areas < minimum
    mask = mask | small_holes[holes] & ~mask
    islands, areas = _patches(mask)
    large = areas >= minimum
    large[0] = False
    if not large.any():
        large[1 + int(areas[1:].argmax())] = True
    if not small_holes[1:].any() and large[1:].all():
        return None
    return region.redrawn(large[islands], left, top)


def _patches(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Label the patches of a mask that touch by sides or corners, and count the pixels of each label."""
    labels, _ = ndimage.label(mask, structure=EIGHT_NEIGHBOURS)
    return labels, np.bincount(labels.ravel())
