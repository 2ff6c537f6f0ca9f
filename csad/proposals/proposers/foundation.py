"""Proposer `foundation`: Grounding DINO and SAM-HQ (paper 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from csad.config.line import ProductLine
from csad.proposals.proposer import Proposer
from csad.proposals.registry import register

if TYPE_CHECKING:
    from csad.images import ImageSet
    from csad.proposals.proposal_result import ComponentFinder


@register
class Foundation(Proposer):
    """The paper's: open-vocabulary masks, automatic ones, and the rules after them."""

    name: ClassVar[str] = "foundation"
    needs_prompts: ClassVar[bool] = True
    foundation_models: ClassVar[bool] = True

    def build(self, line: ProductLine, images: ImageSet, prompts: Sequence[str]) -> ComponentFinder:
        """Load what the line's mode uses."""
        from csad.proposals.foundation_finder import foundation_finder

        return foundation_finder(line, images, prompts)

    def weights(self, line: ProductLine, prompts: Sequence[str]) -> Sequence[Path]:
        """The files of SAM-HQ, and of Grounding DINO where the mode or a rule looks for prompts."""
        from csad.proposals.foundation_finder import foundation_weights

        return foundation_weights(line, prompts)

    def published(self, line: ProductLine) -> Sequence[str]:
        """SAM-HQ, and Grounding DINO with its BERT where the mode or a rule may look for prompts."""
        from csad.foundation.published_names import mask_weights

        return mask_weights(line)

    def missing(self, line: ProductLine) -> tuple[str, ...]:
        """Packages and files of weights that are absent."""
        from csad.foundation.readiness import what_is_missing

        return what_is_missing(line)
