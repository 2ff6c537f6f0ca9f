"""From the pseudo-labels of a line to its segmentation network, on files (paper 3.2)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file

from csad.common.errors import StageError
from csad.compute.array_store import ArrayStore
from csad.compute.tensor_file import save_tensors
from csad.config.line import ProductLine
from csad.features.backbone import Backbone, backbone_of
from csad.features.compiled import accelerated
from csad.images import ImageFile, ImageSet
from csad.images.canvases import open_canvases
from csad.images.training_images import canvas_of
from csad.pseudo_labels.label_maps import load_label_map
from csad.pseudo_labels.record import LABEL_MAPS, PseudoLabels
from csad.segmentation.data import SegmentationData
from csad.segmentation.network import SegmentationNetwork
from csad.segmentation.training import train_segmentation

WEIGHTS = "segmentation.safetensors"


@dataclass(frozen=True)
class SegmentationFit:
    """What was trained.

    Attributes:
        classes: Component classes K; 0 means that there was nothing to learn and no network was trained.
        labelled: Images with a pseudo-label.
        unlabelled: Images without.
    """

    classes: int
    labelled: int
    unlabelled: int


def fit_segmentation(
    line: ProductLine,
    images: ImageSet,
    pseudo_labels: Path,
    output: Path,
    seed: int,
    checkpoint: Path | None = None,
    device: torch.device | str = "cpu",
) -> SegmentationFit:
    """Train the segmentation network and write its decoder to `output`.

    Args:
        line: Product line; `line.segmentation` holds the budget.
        images: Data set; the training images are used.
        pseudo_labels: Output of the clustering stage.
        output: Folder for `segmentation.safetensors` (decoder and head) and `segmentation.json`.
        seed: Random seed for weights, order and augmentation.
        checkpoint: File from which an interrupted training resumes.
        device: Where to train.

    Raises:
        StageError: A label map is missing, or the training diverged.
    """
    record = PseudoLabels.read(pseudo_labels)
    stems = [file.stem for file in images.train]
    kept = np.isin(stems, record.kept) if record.kept else np.zeros(len(stems), dtype=bool)
    fit = SegmentationFit(record.classes if kept.any() else 0, int(kept.sum()), int((~kept).sum()))
    (output / "segmentation.json").write_text(json.dumps({"classes": fit.classes}) + "\n", encoding="utf-8")
    if not fit.classes:
        return fit
    canvas = canvas_of(line, images)
    size = (canvas.height, canvas.width)

    def label_maps() -> Iterator[NDArray[np.uint8]]:
        for stem, labelled in zip(stems, kept, strict=True):
            if labelled:
                yield canvas.labels_to_input(load_label_map(pseudo_labels / LABEL_MAPS, stem))
            else:
                yield np.zeros(size, dtype=np.uint8)

    with open_canvases(line, canvas, images.train) as canvases, ArrayStore(label_maps(), size) as labels:
        types = np.array([record.types[stem] for stem in stems], dtype=np.int64)
        data = SegmentationData(canvases, labels, kept, types, fit.classes)
        backbone = accelerated(backbone_of(line.backbone, stages=3).to(device))
        network = train_segmentation(backbone, data, line.segmentation, seed, checkpoint, device)
    save_tensors(network.trainable_state(), output / WEIGHTS)
    return fit


def load_segmentation(folder: Path, backbone: Backbone) -> SegmentationNetwork | None:
    """Load the network of a segnet output; None where there were no classes to learn.

    Raises:
        StageError: The output is incomplete.
    """
    try:
        classes = int(json.loads((folder / "segmentation.json").read_text(encoding="utf-8"))["classes"])
        if not classes:
            return None
        network = SegmentationNetwork(backbone, classes)
        network.load_trainable_state(load_file(folder / WEIGHTS))
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise StageError(
            f"{folder} holds no whole segmentation network ({error}); run the segnet stage again"
        ) from error
    return network.eval()


def labelled_files(images: ImageSet, record: PseudoLabels) -> list[ImageFile]:
    """Training images that have a pseudo-label, in order."""
    kept = set(record.kept)
    return [file for file in images.train if file.stem in kept]
