"""One pass of the backbone over the training images and their copies, for all that is fitted on them (ours, for 3.4).

The teacher's statistics, the maps of the PCA student and the patches of the memory banks are taken together: the frozen
backbone costs more than all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from torch import Tensor

from csad.config.line import ProductLine
from csad.features.backbone import Backbone
from csad.imaging.canvas_store import CanvasStore
from csad.lgst.copies import COPIES, copy_of
from csad.lgst.memory_bank import MEMORY_LAYERS, MemoryBank, MemoryBankFit
from csad.lgst.pca import pool
from csad.lgst.teacher import Teacher, TeacherFit

BATCH = 8


class OnePass:
    """Looks at every training image once, and at its copies where a student learns from them.

    Args:
        line: Product line; `line.lgst` chooses the students.
        backbone: Frozen pyramid, on the device to use.
        canvases: Training images.
        groups: Group of near-equal images that each belongs to.
        pooled: Indices of the images whose maps are kept for the PCA student, with those of their copies; none without
            that student.
        seed: Random seed for sampling.

    Attributes:
        teacher: Frozen features.
        memory_banks: Without normal distances; empty where the line has another local student.
    """

    def __init__(
        self,
        line: ProductLine,
        backbone: Backbone,
        canvases: CanvasStore,
        groups: Sequence[int],
        pooled: Collection[int],
        seed: int,
    ) -> None:
        settings = line.lgst
        self._teacher = TeacherFit(backbone, settings.channels, seed, settings.grid)
        self._banks: MemoryBankFit | None = None
        if settings.local_student == "memory_bank":
            seen = (1 + COPIES) * len(canvases)
            self._banks = MemoryBankFit(MEMORY_LAYERS, seen, settings.coreset_size, seed)
        self._places = {image: place for place, image in enumerate(sorted(pooled))}
        self._maps: list[Tensor] = []
        self._shown: list[int] = []
        generator = torch.Generator().manual_seed(seed)
        start = 0
        for batch in canvases.batches(BATCH):
            images = range(start, start + len(batch))
            start += len(batch)
            self._look(backbone, batch, images, groups, own=True)
            # Without memory banks copies are for the PCA student alone.
            copied = [image for image in images if self._banks or image in self._places]
            if copied:
                rows = batch[[image - images.start for image in copied]]
                for _ in range(COPIES):
                    self._look(backbone, copy_of(rows, generator), copied, groups, own=False)
        self.teacher: Teacher = self._teacher.build()
        self.memory_banks: dict[str, MemoryBank] = self._banks.build() if self._banks else {}

    def pooled_maps(self) -> tuple[Tensor, Tensor]:
        """Pooled teacher features of the images and their copies.

        Returns:
            float32 (n, C, r, c), and for each the place of its image among the pooled ones, int64 (n,); an image comes
            before its copies.
        """
        # Averages of standardised features are standardised averages.
        return self.teacher.standardise(torch.cat(self._maps)), torch.tensor(self._shown)

    def _look(self, backbone: Backbone, batch: Tensor, images: Sequence[int], groups: Sequence[int], own: bool) -> None:
        """Look at canvases (B, 3, h, w): the images of these indices, or copies of them."""
        pyramid = backbone(batch)
        if self._banks:
            self._banks.add([groups[image] for image in images], pyramid)
        rows = [row for row, image in enumerate(images) if image in self._places]
        if not own and not rows:
            return
        combine = self._teacher.add if own else self._teacher.combine
        raw = combine(pyramid, (batch.shape[-2], batch.shape[-1]))
        if rows:
            self._maps.append(pool(raw[torch.tensor(rows)]))
            self._shown += [self._places[images[row]] for row in rows]
