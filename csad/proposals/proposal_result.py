"""What a way of finding components hands to the masks stage: the masks that are left, and what each rule did.

The masks are X_ref of paper 3.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from csad.imaging.masks import ComponentMask, MaskProposer
from csad.imaging.working_image import working_image
from csad.proposals.refine import PackedMasks, filter_by_combine


class MaskCounts(BaseModel):
    """What the rules did to one image; its file says that the image is done.

    Attributes:
        proposed: Masks of the proposer.
        combined: Masks that filter-by-combine dropped.
        kept: Masks that are left.
        open_vocabulary: Masks of what the line's prompts name; None without prompts.
        unsuitable: Proposals that are the image's frame, background or a speck.
        ungrounded: Masks that filter-by-grounding dropped.
    """

    model_config = ConfigDict(frozen=True)

    proposed: int
    combined: int
    kept: int
    open_vocabulary: int | None = None
    unsuitable: int = 0
    ungrounded: int = 0


@dataclass(frozen=True, eq=False)
class ProposalResult:
    """The components of one image.

    Attributes:
        masks: What is left after all rules, at the working size of the image.
        counts: What the rules did.
    """

    masks: list[ComponentMask]
    counts: MaskCounts


class ComponentFinder(Protocol):
    """Anything that finds and filters the components of an image."""

    name: str

    def find(self, image: NDArray[np.uint8]) -> ProposalResult:
        """Find the components of an image, RGB uint8 (H, W, 3): masks of its working size."""
        ...


class RefinedProposals:
    """A proposer that knows no prompts, followed by filter-by-combine.

    Filter-by-grounding needs open-vocabulary masks, which such a proposer does not have: it touches nothing.

    Args:
        proposer: Proposes the masks.
        combine: Apply filter-by-combine.
    """

    def __init__(self, proposer: MaskProposer, combine: bool) -> None:
        self.name = proposer.name
        self._proposer = proposer
        self._combine = combine

    def find(self, image: NDArray[np.uint8]) -> ProposalResult:
        """Find the components of an image, RGB uint8 (H, W, 3)."""
        kept = proposed = self._proposer.propose(working_image(image))
        if self._combine:
            packed = PackedMasks.pack(component.mask for component in proposed)
            kept = [proposed[index] for index in filter_by_combine(packed)]
        counts = MaskCounts(proposed=len(proposed), combined=len(proposed) - len(kept), kept=len(kept))
        return ProposalResult(kept, counts)
