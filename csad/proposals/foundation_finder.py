"""How the foundation models find the components of a line (paper 3.1), and which of their files that takes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from csad.common.errors import StageError
from csad.config.line import ProductLine
from csad.images import ImageSet, read_rgb
from csad.images.training_images import evenly_spaced
from csad.proposals.mode_choice import SAMPLE, choose_mode
from csad.proposals.proposal_result import ComponentFinder

Mode = Literal["fine", "coarse"]

logger = logging.getLogger(__name__)


def foundation_finder(line: ProductLine, images: ImageSet, prompts: Sequence[str]) -> ComponentFinder:
    """Build the foundation models for a line's mode.

    Raises:
        StageError: The coarse mode has no prompts.
        WeightsError: The foundation models or their files are missing.
    """
    mode = line.pseudo_labels.mode
    return _automatic_finder(line, images, prompts) if mode == "auto" else build_foundation_finder(line, prompts, mode)


def _automatic_finder(line: ProductLine, images: ImageSet, prompts: Sequence[str]) -> ComponentFinder:
    """The finder of mode "auto": fine without prompts, and where those of a few images name the product as a whole."""
    if prompts:
        chosen = evenly_spaced(len(images.train), SAMPLE)
        sample = [read_rgb(images.train[index].path, line.images.max_pixels) for index in chosen]
        coarse = build_foundation_finder(line, prompts, "coarse")
        if choose_mode(coarse, sample) == "coarse":
            return coarse
        del coarse  # the fine mode loads its models anew; two sets would fill a GPU
    return build_foundation_finder(line, prompts, "fine")


def foundation_weights(line: ProductLine, prompts: Sequence[str]) -> tuple[Path, ...]:
    """The files of the foundation models that `foundation_finder` loads.

    Raises:
        WeightsError: One of them is missing.
    """
    from csad.foundation.building import grounding_files, sam_file

    settings = line.pseudo_labels
    grounds = settings.mode == "coarse" or (settings.mode == "auto" and prompts) or _filters_by_grounding(line, prompts)
    return (sam_file(settings.foundation), *(grounding_files(settings.foundation) if grounds else ()))


def _filters_by_grounding(line: ProductLine, prompts: Sequence[str]) -> bool:
    return line.pseudo_labels.filter_by_grounding and bool(prompts)


def build_foundation_finder(line: ProductLine, prompts: Sequence[str], mode: Mode) -> ComponentFinder:
    """Build the foundation models for one mode; what a mode does not use is not loaded.

    Raises:
        StageError: The coarse mode has no prompts.
        WeightsError: The foundation models or their files are missing.
    """
    if mode == "coarse" and not prompts:
        raise StageError(
            "the coarse mode needs prompts, and there are none; name the parts in tags.prompts, or set "
            "pseudo_labels.mode: fine"
        )
    from csad.foundation.building import build_grounding, build_sam, foundation_device
    from csad.proposals.component_finder import CoarseComponents, FineComponents

    settings = line.pseudo_labels
    device = foundation_device()
    if mode == "coarse":
        return CoarseComponents(
            build_grounding(settings.foundation, device), build_sam(settings.foundation, device), prompts
        )
    if settings.filter_by_grounding and not prompts:
        logger.warning("filter-by-grounding is left out: there are no prompts; name them in tags.prompts")
    grounding = build_grounding(settings.foundation, device) if _filters_by_grounding(line, prompts) else None
    return FineComponents(build_sam(settings.foundation, device), settings, grounding, prompts)
