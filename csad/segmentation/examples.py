"""What a training step of the segmentation network sees: images as the frozen backbone describes them (paper 3.2).

As published, every step draws its images anew: synthetic anomaly, move, brightness. The backbone, which learns nothing,
then takes more than half of the training. Ours draws a fixed number of such copies, describes each once, and shows them
again and again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from csad.common.errors import StageError
from csad.common.progress import track
from csad.compute.array_store import ArrayStore
from csad.features.backbone import Backbone
from csad.imaging.canvas_store import to_tensor
from csad.segmentation.anomalies import SyntheticAnomalies
from csad.segmentation.augmentation import random_affine, random_brightness, warp_images, warp_labels
from csad.segmentation.data import SegmentationData
from csad.segmentation.lsa import LabelledImage
from csad.segmentation.network import LABEL_STRIDE
from csad.segmentation.state import EndlessOrder

UNLABELLED_PART = 4
"""One unlabelled copy for so many labelled ones: only their brightness changes, so a few show it all."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Described:
    """Images as the decoder reads them.

    Attributes:
        fine: First stage of the backbone, float32 (B, C1, H/4, W/4).
        coarse: Third stage, float32 (B, C3, H/16, W/16).
    """

    fine: Tensor
    coarse: Tensor

    def joined(self, other: Described) -> Described:
        """These images, then the others."""
        return Described(torch.cat([self.fine, other.fine]), torch.cat([self.coarse, other.coarse]))


class Examples(Protocol):
    """Endless images to learn from.

    Attributes:
        labelled_order: What of the labelled ones comes next.
        unlabelled_order: The same of the others.
    """

    labelled_order: EndlessOrder
    unlabelled_order: EndlessOrder

    def labelled(self, count: int) -> tuple[Described, Tensor]:
        """The next labelled images and their classes, int64 (count, H/4, W/4)."""
        ...

    def unlabelled(self, count: int) -> tuple[Described, list[int]]:
        """The next unlabelled images and their indices in the data."""
        ...


class FreshExamples:
    """Draws and describes every image anew, as published.

    Args:
        backbone: Frozen pyramid on `device`.
        data: What is learned from.
        anomalies: Makes some of the labelled images anomalous.
        generator: Draws orders and synthetic anomalies.
        draw: Draws moves and brightness; on the CPU, so that a seed means the same everywhere.
        device: Where images are warped and described.
    """

    def __init__(
        self,
        backbone: Backbone,
        data: SegmentationData,
        anomalies: SyntheticAnomalies,
        generator: np.random.Generator,
        draw: torch.Generator,
        device: torch.device | str,
    ) -> None:
        self._backbone = backbone
        self._data = data
        self._anomalies = anomalies
        self._generator = generator
        self._draw = draw
        self._device = device
        self.labelled_order = EndlessOrder(np.flatnonzero(data.labelled), generator)
        self.unlabelled_order = EndlessOrder(np.flatnonzero(~data.labelled), generator)

    def labelled(self, count: int) -> tuple[Described, Tensor]:
        """See `Examples`."""
        batch = []
        for index in self.labelled_order.take(count):
            image = LabelledImage(np.asarray(self._data.canvases[index]), np.asarray(self._data.labels[index]))
            batch.append(self._anomalies(image, self._generator))
        images = to_tensor(np.stack([image.pixels for image in batch])).to(self._device)
        labels = torch.from_numpy(np.stack([image.labels for image in batch])).to(self._device)
        matrices = random_affine(count, images.shape[2], images.shape[3], self._draw)
        images = random_brightness(warp_images(images, matrices), self._draw)
        return self._describe(images), warp_labels(labels, matrices, LABEL_STRIDE)

    def unlabelled(self, count: int) -> tuple[Described, list[int]]:
        """See `Examples`."""
        chosen = self.unlabelled_order.take(count)
        images = to_tensor(np.stack([self._data.canvases[index] for index in chosen])).to(self._device)
        return self._describe(random_brightness(images, self._draw)), chosen

    def _describe(self, images: Tensor) -> Described:
        fine, _, coarse = self._backbone(images)[:3]
        return Described(fine, coarse)


class StoredExamples:
    """Describes a fixed number of copies once, keeps them on disk in half precision, and shows them in random order.

    Use as a context manager.

    Args:
        fresh: Draws and describes the copies.
        labelled: Number of labelled copies.
        unlabelled: Number of others.
        generator: Draws the orders in which they are shown.
        device: Where they are shown.

    Raises:
        StageError: The backbone's features do not fit half precision.
        CsadError: The temporary folder is full or refuses.
    """

    def __init__(
        self,
        fresh: Examples,
        labelled: int,
        unlabelled: int,
        generator: np.random.Generator,
        device: torch.device | str,
    ) -> None:
        self._device = device
        self.labelled_order = EndlessOrder(np.arange(labelled), generator)
        self.unlabelled_order = EndlessOrder(np.arange(unlabelled), generator)
        self._stores: dict[str, ArrayStore] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._images: list[int] = []
        for _ in track(range(labelled), "Describing labelled copies"):
            described, labels = fresh.labelled(1)
            self._keep("labelled", described)
            self._append("classes", labels[0].to(torch.uint8).cpu().numpy())
        for _ in track(range(unlabelled), "Describing unlabelled copies"):
            described, chosen = fresh.unlabelled(1)
            self._keep("unlabelled", described)
            self._images += chosen

    def __enter__(self) -> StoredExamples:
        return self

    def __exit__(self, *exc: object) -> None:
        for store in self._stores.values():
            store.__exit__(*exc)

    def labelled(self, count: int) -> tuple[Described, Tensor]:
        """See `Examples`."""
        chosen = self.labelled_order.take(count)
        classes = torch.from_numpy(np.stack([self._stores["classes"][index] for index in chosen]))
        return self._shown("labelled", chosen), classes.to(self._device).long()

    def unlabelled(self, count: int) -> tuple[Described, list[int]]:
        """See `Examples`."""
        chosen = self.unlabelled_order.take(count)
        return self._shown("unlabelled", chosen), [self._images[index] for index in chosen]

    def _keep(self, kind: str, described: Described) -> None:
        for name, stage in ((f"{kind} fine", described.fine), (f"{kind} coarse", described.coarse)):
            # Channels last, as the decoder reads them.
            half = stage[0].permute(1, 2, 0).half().cpu()
            if not torch.isfinite(half).all():
                raise StageError(
                    f"the backbone's features reach {float(stage.abs().max()):.3g}, and half precision holds no more "
                    "than 65504; set segmentation.copies to 0, which stores none"
                )
            self._append(name, half.contiguous().numpy().view(np.uint8))

    def _append(self, name: str, array: NDArray[np.uint8]) -> None:
        if name not in self._stores:
            self._stores[name] = ArrayStore((), array.shape)
        self._stores[name].append(array)

    def _shown(self, kind: str, chosen: Sequence[int]) -> Described:
        return Described(self._read(f"{kind} fine", chosen), self._read(f"{kind} coarse", chosen))

    def _read(self, name: str, chosen: Sequence[int]) -> Tensor:
        arrays = np.stack([self._stores[name][index] for index in chosen]).view(np.float16)  # (B, h, w, C)
        return torch.from_numpy(arrays).to(self._device).float().permute(0, 3, 1, 2)


def copies_to_store(copies: int, images: int, draws: int) -> int:
    """How many copies of some images are worth storing.

    Args:
        copies: Number of copies that is wanted.
        images: Each is shown at least once where the draws suffice.
        draws: How many the training draws; more copies would never be seen.
    """
    return min(draws, max(copies, images)) if images else 0


@contextmanager
def open_examples(
    fresh: FreshExamples, copies: int, labelled_draws: int, unlabelled_draws: int, device: torch.device | str
) -> Iterator[Examples]:
    """Show fresh images where `copies` is 0, else so many stored ones.

    Args:
        fresh: Draws and describes images.
        copies: Labelled copies to store.
        labelled_draws: Labelled images that the training draws.
        unlabelled_draws: Unlabelled images that it draws.
        device: Where they are shown.

    Raises:
        StageError: The backbone's features do not fit half precision.
        CsadError: The temporary folder is full or refuses.
    """
    if not copies:
        yield fresh
        return
    labelled = copies_to_store(copies, len(fresh.labelled_order.indices), labelled_draws)
    unlabelled = copies_to_store(copies // UNLABELLED_PART, len(fresh.unlabelled_order.indices), unlabelled_draws)
    logger.info("segmentation network: %d labelled and %d unlabelled copies are described once", labelled, unlabelled)
    with StoredExamples(fresh, labelled, unlabelled, fresh.labelled_order.generator, device) as stored:
        yield stored
