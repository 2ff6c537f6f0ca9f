"""Stage `masks`: the component masks of the training images (paper 3.1)."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from csad.common import atomic
from csad.common.humanize import plural
from csad.common.progress import track
from csad.config.line import ProductLine
from csad.images import ImageFile, read_rgb
from csad.imaging.masks import save_masks
from csad.proposals.proposal_result import ComponentFinder, MaskCounts
from csad.proposals.proposers import outside_files, proposer_of
from csad.pseudo_labels.mask_pictures import draw_mask_sheet
from csad.runner.files import translate_os_errors
from csad.runner.snapshot import open_snapshot
from csad.runner.stage import Stage
from csad.runner.summary import Summary
from csad.stages.tagging import Tags

RULES = "rules"
SHEET = "masks.png"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MasksSummary(Summary):
    """How many images and masks each rule touched.

    Attributes:
        proposer: Who proposed the masks.
        images: Images of this shard.
        images_without_masks: Images in which nothing was found; they train as unlabelled images.
        proposed: Masks before the rules.
        combine_dropped: Masks that filter-by-combine dropped.
        combine_images: Images in which it dropped any.
        kept: Masks after the rules.
        open_vocabulary: Masks of what the line's prompts name.
        images_without_detection: Images without detections for the prompts.
        unsuitable_dropped: Proposals that were the image's frame, background or specks.
        grounding_dropped: Masks that filter-by-grounding dropped.
        grounding_images: Images in which it dropped any.
    """

    proposer: str
    images: int
    images_without_masks: int
    proposed: int
    combine_dropped: int
    combine_images: int
    kept: int
    open_vocabulary: int = 0
    images_without_detection: int = 0
    unsuitable_dropped: int = 0
    grounding_dropped: int = 0
    grounding_images: int = 0

    def headline(self) -> str:
        """One line for people."""
        empty = f", {plural(self.images_without_masks, 'image')} without any" if self.images_without_masks else ""
        return (
            f"{plural(self.kept, 'mask')} in {plural(self.images, 'image')} ({self.proposer}); {self._grounding()}"
            f"filter-by-combine dropped {self.combine_dropped} in {plural(self.combine_images, 'image')}{empty}"
        )

    def _grounding(self) -> str:
        if not self.grounding_images:
            return ""
        return f"filter-by-grounding dropped {self.grounding_dropped} in {plural(self.grounding_images, 'image')}, "


def run(line: ProductLine, images: Path, tags: Path, output: Path, shard: int = 0, shards: int = 1) -> MasksSummary:
    """Write the masks of every training image; images that are done already are left alone.

    An image without detections for the prompts is a warning, and has no masks.

    Args:
        line: Product line; `line.pseudo_labels` names the proposer and the rules.
        images: Output of `ingest`.
        tags: Output of `tagging`: what a proposer with prompts looks for.
        output: Folder for `<stem>.json` (COCO run-lengths and where each mask comes from), `rules/<stem>.json` (what
            the rules did) and, where the proposer looks for prompts, masks.png (some images and their masks).
        shard: Shard of the images to do, 0..shards - 1.
        shards: Number of shards.

    Raises:
        StageError: An input is missing, or the output cannot be written.
        WeightsError: Models or their files are missing.
    """
    prompts = Tags.read(tags).prompts
    dataset = open_snapshot(images)
    proposer = proposer_of(line)
    finder = proposer.build(line, dataset, prompts)
    mine = dataset.train[shard::shards]
    counts = []
    with translate_os_errors(output):
        if shards == 1:
            _remove_unfinished(output)
        for image in track(mine, "Finding components"):
            counts.append(_counts_of(image, line, finder, output))
        if proposer.needs_prompts:
            draw_mask_sheet(output / SHEET, mine, output, f"{line.name}: {finder.name}", line.images.max_pixels)
    return _summarise(finder.name, counts)


def weights(line: ProductLine, tags: Path, **_: Path) -> Sequence[Path]:
    """Files that the line's proposer will read, and those of proposers that are no part of csad.

    Raises:
        StageError: The tags are missing.
        WeightsError: A file is missing.
    """
    return [*proposer_of(line).weights(line, Tags.read(tags).prompts), *outside_files()]


def _remove_unfinished(output: Path) -> None:
    """Remove files that a killed run was writing; where several shards write at once they may be another's."""
    for folder in (output, output / RULES):
        for file in folder.glob(".*.json"):
            file.unlink(missing_ok=True)


def _counts_of(image: ImageFile, line: ProductLine, finder: ComponentFinder, output: Path) -> MaskCounts:
    done = output / RULES / f"{image.stem}.json"
    if done.is_file():
        return MaskCounts.model_validate_json(done.read_text(encoding="utf-8"))
    found = finder.find(read_rgb(image.path, line.images.max_pixels))
    if found.counts.open_vocabulary == 0:
        _log.warning("%s: no detections for the prompts; it has no masks of them", image.path.name)
    save_masks(output / f"{image.stem}.json", found.masks)
    # Written last: it says that the image is done.
    atomic.write_text(done, found.counts.model_dump_json(exclude_defaults=True) + "\n")
    return found.counts


def _summarise(proposer: str, counts: Sequence[MaskCounts]) -> MasksSummary:
    return MasksSummary(
        proposer=proposer,
        images=len(counts),
        images_without_masks=sum(count.kept == 0 for count in counts),
        proposed=sum(count.proposed for count in counts),
        combine_dropped=sum(count.combined for count in counts),
        combine_images=sum(count.combined > 0 for count in counts),
        kept=sum(count.kept for count in counts),
        open_vocabulary=sum(count.open_vocabulary or 0 for count in counts),
        images_without_detection=sum(count.open_vocabulary == 0 for count in counts),
        unsuitable_dropped=sum(count.unsuitable for count in counts),
        grounding_dropped=sum(count.ungrounded for count in counts),
        grounding_images=sum(count.ungrounded > 0 for count in counts),
    )


STAGE = Stage(
    name="masks",
    run=run,
    summary=MasksSummary,
    sections=("images", "pseudo_labels"),
    resumable=True,
    packed=True,
    weights=weights,
)
