"""The mask proposer that a line names."""

from __future__ import annotations

from csad.images import ImageSet
from csad.line import ProductLine
from csad.pseudo_labels.classical import build_classical
from csad.pseudo_labels.masks import MaskProposer
from csad.training_images import canvas_of, sample_images


def build_proposer(line: ProductLine, images: ImageSet) -> MaskProposer:
    """Build the proposer for the training images of a line."""
    sample = sample_images(line, images.train)
    return build_classical(sample, canvas_of(line, images.train), line.pseudo_labels.mode)
