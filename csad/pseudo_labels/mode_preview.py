"""Both modes of a line (paper 3.1) side by side on a few images, with a bandwidth sweep, for a person to choose."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from csad.common.errors import StageError, TooFewComponents
from csad.common.progress import track
from csad.config.line import ProductLine
from csad.config.settings import PseudoLabelSettings
from csad.images import ImageFile, ImageSet, read_rgb
from csad.imaging.masks import load_masks, save_masks
from csad.proposals.foundation_finder import Mode
from csad.proposals.proposers import proposer_of
from csad.pseudo_labels.cluster import SWEEP, cluster_components
from csad.pseudo_labels.generate import Components, describe
from csad.pseudo_labels.mask_pictures import evenly_spaced, mask_overlay
from csad.pseudo_labels.mean_shift import pairwise_quantile

MODES: tuple[Mode, ...] = ("coarse", "fine")
LEAST_IMAGES = 2
"""Images that must show a class: in a few images the line's own fraction is less than one."""

_log = logging.getLogger(__name__)

Picture = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class SweepPicture:
    """What one bandwidth makes of the components.

    Attributes:
        quantile: Quantile of the pairwise distances.
        bandwidth: That quantile.
        classes: Classes that appear in at least two images.
        dropped_fraction: Fraction of the components in none of them.
        picture: The first image with a component, coloured by class.
    """

    quantile: float
    bandwidth: float
    classes: int
    dropped_fraction: float
    picture: Picture


@dataclass(frozen=True, eq=False)
class ModePreview:
    """One mode on the images.

    Attributes:
        mode: "coarse" or "fine".
        finder: What found the components.
        masks: Masks per image.
        classes: Classes at the bandwidth that the line's settings give.
        pictures: Each image with its masks, coloured by class; where there are no classes, each in its own colour.
        sweep: Other bandwidths.
        note: Why there is nothing to see; empty otherwise.
    """

    mode: Mode
    finder: str
    masks: tuple[int, ...]
    classes: int
    pictures: tuple[Picture, ...]
    sweep: tuple[SweepPicture, ...]
    note: str = ""


@dataclass(frozen=True, eq=False)
class Preview:
    """Both modes.

    Attributes:
        line: Name of the product line.
        chosen: The line's own mode.
        stems: Stems of the images.
        images: The images as they are, small.
        modes: Coarse, then fine.
    """

    line: str
    chosen: str
    stems: tuple[str, ...]
    images: tuple[Picture, ...]
    modes: tuple[ModePreview, ...]


def preview_modes(
    line: ProductLine, images: ImageSet, prompts: Sequence[str], count: int, working: Path, seed: int = 0
) -> Preview:
    """Find the components of a few training images in both modes.

    Args:
        line: Product line; its mode is not used but named.
        images: Data set.
        prompts: Names of the parts, for the foundation models.
        count: Images, evenly spaced.
        working: Folder for the masks of each mode.
        seed: Draws the subsamples of the bandwidth.

    Raises:
        WeightsError: The foundation models or their files are missing.
    """
    files = evenly_spaced(images.train, count)
    small = [mask_overlay(read_rgb(file.path, line.images.max_pixels), []) for file in files]
    modes = tuple(_preview(line, images, prompts, mode, files, working / mode, seed) for mode in MODES)
    return Preview(line.name, line.pseudo_labels.mode, tuple(file.stem for file in files), tuple(small), modes)


def _preview(
    line: ProductLine,
    images: ImageSet,
    prompts: Sequence[str],
    mode: Mode,
    files: Sequence[ImageFile],
    folder: Path,
    seed: int,
) -> ModePreview:
    in_mode = line.model_copy(update={"pseudo_labels": line.pseudo_labels.model_copy(update={"mode": mode})})
    try:
        finder = proposer_of(in_mode).build(in_mode, images, prompts)
    except StageError as error:
        return ModePreview(mode, "", (0,) * len(files), 0, (), (), str(error))
    for file in track(files, f"Finding components ({mode})"):
        found = finder.find(read_rgb(file.path, line.images.max_pixels)).masks
        save_masks(folder / f"{file.stem}.json", [component for component in found if component.mask.any()])
    components = describe(line, files, folder)
    counts = np.bincount(components.image, minlength=len(files))
    settings = line.pseudo_labels.model_copy(
        update={"minimum_image_fraction": min(1.0, LEAST_IMAGES / len(files)), "mode": mode}
    )
    labels = _labels(components, len(files), settings, seed)
    pictures = tuple(_draw(line, files, folder, components, labels, index) for index in range(len(files)))
    note = "" if len(components.image) else "no component was found in any of the images"
    return ModePreview(
        mode=mode,
        finder=finder.name,
        masks=tuple(counts.tolist()),
        classes=0 if labels is None else int(labels.max()),
        pictures=pictures,
        sweep=_sweep(line, files, folder, components, settings, seed),
        note=note,
    )


def _labels(components: Components, images: int, settings: PseudoLabelSettings, seed: int) -> NDArray[np.int64] | None:
    """Classes of the components, 0 for none; None where the images share no components."""
    try:
        return cluster_components(components.features, components.image, images, settings, seed, components.area).labels
    except TooFewComponents:
        return None


def _sweep(
    line: ProductLine,
    files: Sequence[ImageFile],
    folder: Path,
    components: Components,
    settings: PseudoLabelSettings,
    seed: int,
) -> tuple[SweepPicture, ...]:
    if len(components.image) < 2:
        return ()
    first = int(components.image.min())
    pictures = []
    for quantile in SWEEP:
        bandwidth = pairwise_quantile(components.features, quantile, seed)
        if bandwidth <= 0:
            continue
        trial = settings.model_copy(update={"bandwidth": bandwidth})
        labels = _labels(components, len(files), trial, seed)
        drawn = np.zeros(len(components.image), dtype=np.int64) if labels is None else labels
        picture = _draw(line, files, folder, components, drawn, first)
        pictures.append(SweepPicture(quantile, bandwidth, int(drawn.max()), float(np.mean(drawn == 0)), picture))
    return tuple(pictures)


def _draw(
    line: ProductLine,
    files: Sequence[ImageFile],
    folder: Path,
    components: Components,
    labels: NDArray[np.int64] | None,
    index: int,
) -> Picture:
    own = None if labels is None else labels[components.image == index].tolist()
    masks = load_masks(folder / f"{files[index].stem}.json")
    return mask_overlay(read_rgb(files[index].path, line.images.max_pixels), masks, own)
