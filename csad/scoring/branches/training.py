"""What branches are fitted on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from csad.config.line import ProductLine
from csad.features.backbone import Backbone
from csad.imaging.canvas_store import CanvasStore
from csad.lgst.fit import LgstModel
from csad.lgst.teacher import Teacher
from csad.scoring.branches.protocol import BatchFeatures
from csad.segmentation.network import SegmentationNetwork

BATCH = 8


@dataclass(frozen=True)
class Training:
    """The good training images of a line, and what earlier stages made of them.

    Attributes:
        line: Product line.
        images: The training images as model inputs.
        types: Product type of each, int64 (N,).
        groups: Group of near-equal images that each belongs to.
        backbone: Frozen pyramid, on `device`.
        teacher: Frozen features, on `device`.
        network: Component segmentation; None where the images share no components.
        lgst: What the lgst stage fitted.
        unseen: Raw columns by parts of the lgst stage that had not seen the images of `calibrating`, float64 (n,) each.
        seed: Random seed of everything that is drawn.
        device: Where networks run.
    """

    line: ProductLine
    images: CanvasStore
    types: NDArray[np.int64]
    groups: Sequence[int]
    backbone: Backbone
    teacher: Teacher
    network: SegmentationNetwork | None
    lgst: LgstModel
    unseen: Mapping[str, Tensor]
    seed: int
    device: torch.device | str

    def teacher_features(self) -> Iterator[Tensor]:
        """Teacher features of all training images, float32 (B, C, r, c) a batch."""
        for batch in self.images.batches(BATCH):
            yield BatchFeatures(batch, self.backbone, self.teacher).teacher
