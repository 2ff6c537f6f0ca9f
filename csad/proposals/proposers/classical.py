"""Proposer `classical` (ours, for paper 3.1): colour alone, for machines without a foundation model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from csad.config.line import ProductLine
from csad.proposals.proposer import Proposer
from csad.proposals.registry import register

if TYPE_CHECKING:
    from csad.images import ImageSet
    from csad.images.training_images import SampleImages
    from csad.imaging.canvas import Canvas
    from csad.proposals.proposal_result import ComponentFinder


@register
class Classical(Proposer):
    """Whole parts or colour regions, as `csad.proposals.classical` chooses, then filter-by-combine."""

    name: ClassVar[str] = "classical"

    def build(self, line: ProductLine, images: ImageSet, prompts: Sequence[str]) -> ComponentFinder:
        """Choose the way of seeing from a sample of the training images; prompts are of no use to it."""
        from csad.images.training_images import canvas_of, sample_images
        from csad.proposals.classical import build_classical
        from csad.proposals.proposal_result import RefinedProposals

        sample = sample_images(line, images.train)
        proposer = build_classical(sample.images, canvas_of(line, images), line.pseudo_labels.mode)
        return RefinedProposals(proposer, line.pseudo_labels.filter_by_combine)

    def describe(self, line: ProductLine, sample: SampleImages, canvas: Canvas) -> str:
        """The way of seeing: "classical: whole parts"."""
        from csad.proposals.classical import build_classical

        return build_classical(sample.images, canvas, line.pseudo_labels.mode).name
