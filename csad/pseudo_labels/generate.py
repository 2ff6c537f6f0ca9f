"""From component masks to pseudo-labels: features, clusters, label maps, label filter, pictures (paper 3.1)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from csad.common.errors import TooFewComponents
from csad.common.progress import track
from csad.config.line import ProductLine
from csad.features.backbone import backbone_of
from csad.features.compiled import accelerated
from csad.images import ImageFile, ImageSet, read_rgb
from csad.imaging.masks import OBJECTS, load_masks, stack_masks
from csad.imaging.working_image import working_image
from csad.pseudo_labels.cluster import Clustering, bandwidth_sweep, cluster_components
from csad.pseudo_labels.doubts import doubts_about
from csad.pseudo_labels.features import component_features, join_features, mean_colours
from csad.pseudo_labels.gallery import (
    Tile,
    component_picture,
    draw_contact_sheet,
    draw_galleries,
    draw_overlay,
    overlay,
)
from csad.pseudo_labels.label_filter import LabelFilter, filter_label_maps, nearest_type
from csad.pseudo_labels.label_maps import class_histogram, draw_label_map, load_label_map, save_label_map
from csad.pseudo_labels.record import GALLERY, LABEL_MAPS, OVERLAYS, BandwidthTrial, PseudoLabels

OVERLAY_SIDE = 640
SHEET_IMAGES = 12
SHEET_COLUMNS = 4

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Components:
    """The components of all images, in the images' order.

    Attributes:
        features: float32 (N, C).
        image: Image of each component, int64 (N,).
        area: Pixels of each component at the working size, int64 (N,).
    """

    features: NDArray[np.float32]
    image: NDArray[np.int64]
    area: NDArray[np.int64]


def generate(
    line: ProductLine, images: ImageSet, masks: Path, output: Path, seed: int, device: torch.device | str = "cpu"
) -> PseudoLabels:
    """Write label maps, galleries, overlays and clusters.json.

    Where the images share no components there are no classes: the record says why, and the other branches do the work.

    Args:
        line: Product line; `line.pseudo_labels` holds alpha, the bandwidth and the types.
        images: Data set; its training images get labels.
        masks: Folder with the component masks of each training image at its working size, as the masks stage wrote
            them.
        output: Folder for label_maps/<stem>.png (at the working size), overlays/<stem>.jpg, gallery/*.png and
            clusters.json.
        seed: Draws subsamples and examples.
        device: Where the components are described.

    Raises:
        StageError: A mask file is missing or damaged.
    """
    files = images.train
    components = describe(line, files, masks, device)
    try:
        clustering = cluster_components(
            components.features,
            components.image,
            len(files),
            line.pseudo_labels,
            seed,
            components.area,
            _are_objects(files, masks),
        )
    except TooFewComponents as error:
        _log.warning("no component classes: %s", error)
        record = _without_classes(files, len(components.image), str(error))
        record.write(output)
        return record
    histograms = _draw_label_maps(line, files, masks, output, components, clustering)
    kept = filter_label_maps(histograms, line.pseudo_labels)
    doubts = doubts_about(clustering, histograms)
    for doubt in doubts:
        _log.warning("pseudo-labels are doubtful: %s", doubt)
    _draw_galleries(line, files, masks, output, components, clustering, seed)
    _draw_sheet(line, files, output, kept)
    trials = bandwidth_sweep(components.features, components.image, len(files), line.pseudo_labels, seed)
    record = PseudoLabels(
        classes=clustering.class_count,
        components=len(components.image),
        sizes=tuple(clustering.sizes.tolist()),
        images=tuple(clustering.images_per_cluster.tolist()),
        alpha=clustering.alpha,
        bandwidth=clustering.bandwidth,
        quantile=clustering.quantile,
        found=clustering.found,
        dropped_fraction=clustering.dropped_fraction,
        kept=tuple(file.stem for file, labelled in zip(files, kept.kept, strict=True) if labelled),
        types=_types(files, kept, histograms),
        type_count=kept.type_count,
        note=kept.reason,
        doubts=doubts,
        trials=tuple(BandwidthTrial(**asdict(trial)) for trial in trials),
    )
    record.write(output)
    return record


def describe(
    line: ProductLine, files: Sequence[ImageFile], masks: Path, device: torch.device | str = "cpu"
) -> Components:
    """Compute the features of every component.

    Args:
        line: Product line; `line.pseudo_labels.rotations` angles are averaged.
        files: Training images.
        masks: Folder with a mask file per image.
        device: Where the backbone looks at them.
    """
    backbone = accelerated(backbone_of(line.backbone).to(device))
    deep, colours, owners, areas = [], [], [], []
    for index, file in enumerate(track(files, "Describing components")):
        image = _open(line, file)
        found = _masks_of(masks, file, image.shape[:2])
        if len(found):
            deep.append(component_features(image, found, backbone, line.pseudo_labels.rotations, device))
            colours.append(mean_colours(image, found))
            owners.append(np.full(len(found), index, dtype=np.int64))
            areas.append(np.count_nonzero(found, axis=(1, 2)).astype(np.int64))
    if not deep:
        return Components(np.zeros((0, 0), np.float32), np.zeros(0, np.int64), np.zeros(0, np.int64))
    features = np.concatenate(deep)
    if line.pseudo_labels.component_features == "deep_and_colour":
        features = join_features(features, np.concatenate(colours))
    return Components(features, np.concatenate(owners), np.concatenate(areas))


def _open(line: ProductLine, file: ImageFile) -> NDArray[np.uint8]:
    """Read an image at its working size, uint8 (h, w, 3), the size of its masks."""
    return working_image(read_rgb(file.path, line.images.max_pixels))


def _are_objects(files: Sequence[ImageFile], folder: Path) -> bool:
    """Whether the masks show an object each; those of one run come from one way of finding them."""
    for file in files:
        if found := load_masks(folder / f"{file.stem}.json"):
            return all(mask.source in OBJECTS for mask in found)
    return False


def _masks_of(folder: Path, file: ImageFile, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Masks of an image that hold a pixel, bool (N, H, W)."""
    masks = stack_masks(load_masks(folder / f"{file.stem}.json"), (shape[0], shape[1]))
    return masks[masks.any(axis=(1, 2))]


def _draw_label_maps(
    line: ProductLine,
    files: Sequence[ImageFile],
    masks: Path,
    output: Path,
    components: Components,
    clustering: Clustering,
) -> NDArray[np.float64]:
    """Write label map and overlay of each image and return the class histograms (n, K)."""
    histograms = np.zeros((len(files), clustering.class_count))
    for index, file in enumerate(track(files, "Drawing label maps")):
        image = _open(line, file)
        labels = clustering.labels[components.image == index]
        label_map = draw_label_map(_masks_of(masks, file, image.shape[:2]), labels)
        save_label_map(output / LABEL_MAPS, file.stem, label_map)
        draw_overlay(output / OVERLAYS / f"{file.stem}.jpg", *_at_most(image, label_map, OVERLAY_SIDE))
        histograms[index] = class_histogram(label_map, clustering.class_count)
    return histograms


def _at_most(
    image: NDArray[np.uint8], label_map: NDArray[np.uint8], side: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    height, width = label_map.shape
    scale = min(1.0, side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = Image.fromarray(image).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    labels = Image.fromarray(label_map).resize(size, Image.Resampling.NEAREST)
    return np.asarray(small), np.asarray(labels)


def _draw_galleries(
    line: ProductLine,
    files: Sequence[ImageFile],
    masks: Path,
    output: Path,
    components: Components,
    clustering: Clustering,
    seed: int,
) -> None:
    first = np.searchsorted(components.image, np.arange(len(files)))

    @lru_cache(maxsize=1)
    def image_and_mask(index: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        image = _open(line, files[index])
        return image, _masks_of(masks, files[index], image.shape[:2])

    def picture_of(component: int) -> NDArray[np.uint8]:
        index = int(components.image[component])
        image, found = image_and_mask(index)
        return component_picture(image, found[component - first[index]])

    draw_galleries(output / GALLERY, clustering, components.image, picture_of, seed)


def _draw_sheet(line: ProductLine, files: Sequence[ImageFile], output: Path, kept: LabelFilter) -> None:
    """Show some images with their classes: as many left out as kept where there are so many."""
    order = np.argsort(kept.kept, kind="stable")
    chosen = np.unique(np.concatenate([order[: SHEET_IMAGES // 2], order[::-1][: SHEET_IMAGES // 2]]))
    tiles = []
    for index in chosen.tolist():
        file = files[index]
        image = _open(line, file)
        label_map = load_label_map(output / LABEL_MAPS, file.stem)
        state = f"type {kept.type_of_image[index] + 1}" if kept.kept[index] else "left out"
        tiles.append(Tile(f"{file.stem}: {state}", overlay(*_at_most(image, label_map, OVERLAY_SIDE // 2))))
    draw_contact_sheet(output / GALLERY / "images.png", tiles, "Images and their classes", SHEET_COLUMNS)


def _types(files: Sequence[ImageFile], kept: LabelFilter, histograms: NDArray[np.float64]) -> dict[str, int]:
    nearest = nearest_type(histograms, kept.centres)
    types = np.where(kept.type_of_image < 0, nearest, kept.type_of_image)
    return {file.stem: int(kind) for file, kind in zip(files, types, strict=True)}


def _without_classes(files: Sequence[ImageFile], components: int, note: str) -> PseudoLabels:
    return PseudoLabels(
        classes=0,
        components=components,
        sizes=(),
        images=(),
        alpha=0,
        bandwidth=0.0,
        quantile=None,
        found=0,
        dropped_fraction=1.0 if components else 0.0,
        kept=(),
        types={file.stem: 0 for file in files},
        type_count=1,
        note=note,
        doubts=(f"there are no component classes, so the histogram of components is left out: {note}",),
    )
