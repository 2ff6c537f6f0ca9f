"""The components of an image by the foundation models: coarse and fine (paper 3.1).

Coarse: X_ref = X_sem, the masks of what the prompts name. Fine: X_ref is X_seg, the object proposals, after the filters
of `csad.proposals.refine`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from csad.config.settings import PseudoLabelSettings
from csad.foundation.grounding import Detection, Grounding
from csad.foundation.sam import EncodedImage, SamHq
from csad.imaging.masks import ComponentMask
from csad.proposals.automatic_masks import propose_objects
from csad.proposals.part_selection import background_of, select_parts, split_parts
from csad.proposals.proposal_result import MaskCounts, ProposalResult
from csad.proposals.refine import PackedMasks, filter_by_combine, filter_by_grounding
from csad.proposals.regions import Region, bounding_boxes

GROUNDING = "grounding"
AUTOMATIC = "automatic"


class CoarseComponents:
    """What the prompts name: each box of Grounding DINO prompts SAM-HQ for one mask.

    Args:
        grounding: Finds the boxes.
        sam: Draws the masks.
        prompts: Names of the parts.
    """

    name = "foundation: coarse"

    def __init__(self, grounding: Grounding, sam: SamHq, prompts: Sequence[str]) -> None:
        self._grounding = grounding
        self._sam = sam
        self._prompts = prompts

    def find(self, image: NDArray[np.uint8]) -> ProposalResult:
        """Find the components of an image, RGB uint8 (H, W, 3); without a detection nothing is encoded."""
        detections = self._grounding.detect(image, self._prompts)
        if not detections:
            return ProposalResult([], MaskCounts(proposed=0, combined=0, kept=0, open_vocabulary=0))
        found = masks_in_boxes(self._sam, self._sam.encode(image), detections)
        count = len(found)
        counts = MaskCounts(proposed=count, combined=0, kept=count, open_vocabulary=count)
        return ProposalResult(_components(found, image, GROUNDING), counts)


class FineComponents:
    """Automatic masks of SAM-HQ, filtered.

    Args:
        sam: Proposes the masks; each image is encoded once, and each of its crops.
        settings: Settings of SAM and of the filters.
        grounding: Finds what the prompts name, for filter-by-grounding; None leaves that filter out.
        prompts: Names of the parts.
    """

    name = "foundation: fine"

    def __init__(
        self,
        sam: SamHq,
        settings: PseudoLabelSettings,
        grounding: Grounding | None = None,
        prompts: Sequence[str] = (),
    ) -> None:
        self._sam = sam
        self._settings = settings
        self._grounding = grounding
        self._prompts = prompts

    def find(self, image: NDArray[np.uint8]) -> ProposalResult:
        """Find the components of an image, RGB uint8 (H, W, 3); where nothing can be grounded nothing is encoded."""
        detections = None if self._grounding is None else self._grounding.detect(image, self._prompts)
        if detections is not None and not detections:
            return ProposalResult([], MaskCounts(proposed=0, combined=0, kept=0, open_vocabulary=0))
        encoded = self._sam.encode(image)
        semantic = None if detections is None else masks_in_boxes(self._sam, encoded, detections)
        proposals = split_parts(propose_objects(self._sam, image, encoded, self._settings.foundation))
        suitable = select_parts(proposals, background_of(self._sam, encoded)) if proposals else []
        grounded, kept = self._filter(suitable, semantic, encoded.size)
        counts = MaskCounts(
            proposed=len(proposals),
            combined=len(grounded) - len(kept),
            kept=len(kept),
            open_vocabulary=None if semantic is None else len(semantic),
            unsuitable=len(proposals) - len(suitable),
            ungrounded=len(suitable) - len(grounded),
        )
        return ProposalResult(_components(kept, image, AUTOMATIC), counts)

    def _filter(
        self, proposals: list[Region], semantic: list[Region] | None, size: tuple[int, int]
    ) -> tuple[list[Region], list[Region]]:
        """What filter-by-grounding leaves, and of that what filter-by-combine leaves."""
        packed = _packed(proposals, size)
        if semantic is not None:
            grounded = filter_by_grounding(packed, _packed(semantic, size))
            proposals, packed = [proposals[index] for index in grounded], packed.select(grounded)
        if not self._settings.filter_by_combine:
            return proposals, proposals
        return proposals, [proposals[index] for index in filter_by_combine(packed)]


def masks_in_boxes(sam: SamHq, encoded: EncodedImage, detections: Sequence[Detection]) -> list[Region]:
    """Draw what each box shows, without another encoding; a box in which nothing is drawn has no mask."""
    boxes = np.array([detection.box for detection in detections], dtype=np.float64)
    regions = []
    for predictions in sam.prompt_boxes(encoded, boxes):
        asked = iter(detections[predictions.start :])
        for logits in sam.draw(encoded, predictions.logits):  # (m, H, W)
            masks = logits > sam.threshold
            for mask, (left, top, right, bottom) in zip(masks, bounding_boxes(masks).tolist(), strict=True):
                detection = next(asked)
                if right >= left:
                    crop = mask[top : bottom + 1, left : right + 1].cpu().numpy()
                    provenance = {"phrase": detection.phrase, "box": detection.box}
                    regions.append(Region.of(crop, left, top, detection.score, **provenance))
    return regions


def _packed(regions: Sequence[Region], size: tuple[int, int]) -> PackedMasks:
    return PackedMasks.pack(region.mask(size) for region in regions)


def _components(regions: Sequence[Region], image: NDArray[np.uint8], source: str) -> list[ComponentMask]:
    return [region.component((image.shape[0], image.shape[1]), source) for region in regions]
