"""Stage `masks`: the component masks of the training images (paper 3.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from csad import atomic
from csad.images import ImageFile, read_rgb
from csad.line import ProductLine
from csad.progress import track
from csad.pseudo_labels.masks import ComponentMask, MaskProposer, save_masks, stack_masks
from csad.pseudo_labels.proposers import build_proposer
from csad.pseudo_labels.refine import filter_by_combine
from csad.stages.files import writing
from csad.stages.snapshot import open_snapshot
from csad.stages.stage import Stage
from csad.stages.summary import Summary, plural
from csad.stages.tagging import Tags

RULES = "rules"


class MaskCounts(BaseModel):
    """What the rules did to one image; its file says that the image is done.

    Attributes:
        proposed: Masks of the proposer.
        combined: Masks that filter-by-combine dropped.
        kept: Masks that are left.
    """

    model_config = ConfigDict(frozen=True)

    proposed: int
    combined: int
    kept: int


@dataclass(frozen=True)
class MasksSummary(Summary):
    """How many images and masks each rule touched.

    Attributes:
        proposer: Who proposed the masks.
        images: Images of this share.
        images_without_masks: Images in which nothing was found; they train as unlabelled images.
        proposed: Masks before the rules.
        combine_dropped: Masks that filter-by-combine dropped.
        combine_images: Images in which it dropped any.
        kept: Masks after the rules.
    """

    proposer: str
    images: int
    images_without_masks: int
    proposed: int
    combine_dropped: int
    combine_images: int
    kept: int

    def headline(self) -> str:
        """One line for people."""
        empty = f", {plural(self.images_without_masks, 'image')} without any" if self.images_without_masks else ""
        return (
            f"{plural(self.kept, 'mask')} in {plural(self.images, 'image')} ({self.proposer}); filter-by-combine "
            f"dropped {self.combine_dropped} in {plural(self.combine_images, 'image')}{empty}"
        )


def run(line: ProductLine, images: Path, tags: Path, output: Path, shard: int = 0, shards: int = 1) -> MasksSummary:
    """Write the masks of every training image; images that are done already are left alone.

    Filter-by-grounding needs open-vocabulary masks, which the classical proposals do not have: it touches nothing.

    Args:
        line: Product line; `line.pseudo_labels` names the proposer and the rules.
        images: Output of `ingest`.
        tags: Output of `tagging`.
        output: Folder for `<stem>.json` (COCO run-lengths) and `rules/<stem>.json` (what the rules did).
        shard: Share of the images to do, 0..shards - 1.
        shards: Number of shares.

    Raises:
        StageError: An input is missing, or the output cannot be written.
    """
    Tags.read(tags)
    dataset = open_snapshot(images)
    proposer = build_proposer(line, dataset)
    mine = dataset.train[shard::shards]
    counts = []
    with writing(output):
        for image in track(mine, "Finding components"):
            counts.append(_counts_of(image, line, proposer, output))
    return _summarise(proposer.name, counts)


def _counts_of(image: ImageFile, line: ProductLine, proposer: MaskProposer, output: Path) -> MaskCounts:
    done = output / RULES / f"{image.stem}.json"
    if done.is_file():
        return MaskCounts.model_validate_json(done.read_text(encoding="utf-8"))
    pixels = read_rgb(image.path, line.images.max_pixels)
    proposed = proposer.propose(pixels)
    kept = _refine(proposed, pixels.shape[:2]) if line.pseudo_labels.filter_by_combine else proposed
    counts = MaskCounts(proposed=len(proposed), combined=len(proposed) - len(kept), kept=len(kept))
    save_masks(output / f"{image.stem}.json", kept)
    atomic.write_text(done, counts.model_dump_json() + "\n")
    return counts


def _refine(proposed: Sequence[ComponentMask], shape: tuple[int, ...]) -> list[ComponentMask]:
    stack: NDArray[np.bool_] = stack_masks(proposed, (shape[0], shape[1]))
    return [proposed[index] for index in filter_by_combine(stack)]


def _summarise(proposer: str, counts: Sequence[MaskCounts]) -> MasksSummary:
    return MasksSummary(
        proposer=proposer,
        images=len(counts),
        images_without_masks=sum(count.kept == 0 for count in counts),
        proposed=sum(count.proposed for count in counts),
        combine_dropped=sum(count.combined for count in counts),
        combine_images=sum(count.combined > 0 for count in counts),
        kept=sum(count.kept for count in counts),
    )


STAGE = Stage(
    name="masks", run=run, summary=MasksSummary, sections=("images", "backbone", "pseudo_labels"), resumable=True
)
