"""Stage `tagging`: the text prompts of open-vocabulary masks (paper 3.1)."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from csad.common import atomic
from csad.common.errors import StageError
from csad.common.humanize import plural
from csad.common.progress import track
from csad.config.line import ProductLine
from csad.foundation.tag_filter import FilteredTags, filter_tags
from csad.images import ImageFile, ImageSet, read_rgb
from csad.proposals.proposers import asks_tagger, outside_files, proposer_of
from csad.runner.files import translate_os_errors
from csad.runner.snapshot import open_snapshot
from csad.runner.stage import Stage
from csad.runner.summary import Summary

FILE = "tags.json"
MODEL = "ram_plus"
"""The proposer of prompts that a tagging model found."""

SHOWN_REASONS = 12
"""On the one line that a stage says for people."""

_log = logging.getLogger(__name__)


class DroppedTag(BaseModel):
    """A tag that is no prompt, and why."""

    model_config = ConfigDict(frozen=True)

    name: str
    reason: str


class SeenTag(BaseModel):
    """A tag that the tagging model found.

    Attributes:
        name: Name as the model's vocabulary writes it.
        probability: In the image where it is surest.
        threshold: What the probability had to exceed.
        images: Stems of the images that show it.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    probability: float
    threshold: float
    images: tuple[str, ...]


class Tagging(BaseModel):
    """What the tagging model was asked and what it answered.

    Attributes:
        weights: SHA-256 of its file.
        images: Stems of the training images that it saw.
        found: Its tags before the filter.
    """

    model_config = ConfigDict(frozen=True)

    weights: str
    images: tuple[str, ...]
    found: tuple[SeenTag, ...]


class Tags(BaseModel):
    """`tags.json`.

    Attributes:
        proposer: Who named the prompts: "line" (the product line's own list), "ram_plus" or "none".
        prompts: What open-vocabulary masks look for.
        dropped: What was named and left out.
        note: What this means for the masks.
        tagging: What the tagging model said, where it was asked.
    """

    model_config = ConfigDict(frozen=True)

    proposer: str
    prompts: tuple[str, ...]
    dropped: tuple[DroppedTag, ...]
    note: str
    tagging: Tagging | None = None

    @classmethod
    def read(cls, folder: Path) -> "Tags":
        """Read the tags of a `tagging` output.

        Raises:
            StageError: The file is missing or damaged.
        """
        try:
            return cls.model_validate_json((folder / FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise StageError(
                f"{folder / FILE} cannot be read ({type(error).__name__}); run the tagging stage again"
            ) from error


@dataclass(frozen=True)
class TaggingSummary(Summary):
    """How many prompts there are, and how many tags were left out.

    Attributes:
        prompts: Text prompts.
        dropped: Tags that are no prompts.
        proposer: Who named them.
        reasons: Why each found tag was dropped, such as "red: a colour"; tags.json has them too.
    """

    prompts: int
    dropped: int
    proposer: str
    reasons: tuple[str, ...] = ()

    def headline(self) -> str:
        """One line for people."""
        if self.proposer == "none":
            return "no prompts needed: the mask proposals use no vocabulary"
        return f"{plural(self.prompts, 'prompt')}, {self.dropped} dropped{_in_brackets(self.reasons)}"


def run(line: ProductLine, images: Path, output: Path) -> TaggingSummary:
    """Write the prompts of a line.

    The line's own list is taken as it is. Without one, RAM++ is asked where the line's proposer looks for prompts.

    Args:
        line: Product line; `line.tags` may name prompts and drop tags.
        images: Output of `ingest`.
        output: Folder for tags.json.

    Raises:
        StageError: `images` is not an ingested data set, the output cannot be written, or the coarse mode is left
            without a prompt.
        WeightsError: RAM++ is needed and its weights are missing, damaged, or of another network.
    """
    dataset = open_snapshot(images)
    asks = asks_tagger(line)
    tags = _from_model(line, dataset) if asks else _from_line(line)
    with translate_os_errors(output):
        atomic.write_text(output / FILE, tags.model_dump_json(indent=2, exclude_none=True) + "\n")
    return TaggingSummary(
        prompts=len(tags.prompts),
        dropped=len(tags.dropped),
        proposer=tags.proposer,
        reasons=_reasons(tags) if asks else (),
    )


def weights(line: ProductLine, **_: Path) -> Sequence[Path]:
    """The file of RAM++ where `run` will ask it, and those of proposers that are no part of csad.

    Raises:
        WeightsError: The file is missing.
    """
    if not asks_tagger(line):
        return outside_files()
    from csad.foundation.tagging import tagger_file

    return [tagger_file(line), *outside_files()]


def _from_model(line: ProductLine, dataset: ImageSet) -> Tags:
    """Ask RAM++ about one image of each product type, and leave out what names no part."""
    from csad.foundation.tagging import build_tagger, merge_tags
    from csad.pseudo_labels.type_samples import images_to_tag

    tagger = build_tagger(line)
    chosen = images_to_tag(line, dataset.train)
    merged = merge_tags(
        [tagger.tag(read_rgb(image.path, line.images.max_pixels)) for image in track(chosen, "Tagging")]
    )
    filtered = filter_tags((found.tag.name for found in merged), line.tags)
    tags = Tags(
        proposer=MODEL,
        prompts=filtered.kept,
        dropped=_dropped(filtered),
        note=f"RAM++ saw {_named(chosen)} and found {plural(len(merged), 'tag')}, "
        f"{len(filtered.dropped)} of them no parts",
        tagging=Tagging(
            weights=tagger.sha256,
            images=tuple(image.stem for image in chosen),
            found=tuple(
                SeenTag(
                    name=found.tag.name,
                    probability=round(found.tag.probability, 4),
                    threshold=found.tag.threshold,
                    images=tuple(chosen[position].stem for position in found.images),
                )
                for found in merged
            ),
        ),
    )
    _require_prompts(tags, line)
    return tags


def _require_prompts(tags: Tags, line: ProductLine) -> None:
    """Stop before hours of work where there would be no prompt, and warn where it is a choice."""
    if tags.prompts:
        return
    said = f"{tags.note}{_in_brackets(_reasons(tags))}"
    remedy = "name the parts in tags.prompts, or keep found tags with tags.keep"
    if line.pseudo_labels.mode == "coarse":
        raise StageError(f"the coarse mode has no prompt; {said}; {remedy}")
    _log.warning("tagging: no prompt; %s; %s", said, remedy)


def _named(chosen: list[ImageFile]) -> str:
    stems = ", ".join(image.stem for image in chosen)
    return f"{plural(len(chosen), 'training image')} ({stems})"


def _reasons(tags: Tags) -> tuple[str, ...]:
    return tuple(f"{dropped.name}: {dropped.reason}" for dropped in tags.dropped)


def _in_brackets(reasons: tuple[str, ...]) -> str:
    more = len(reasons) - SHOWN_REASONS
    shown = "; ".join(reasons[:SHOWN_REASONS]) + (f"; and {more} more in {FILE}" if more > 0 else "")
    return f" ({shown})" if reasons else ""


def _from_line(line: ProductLine) -> Tags:
    """Take the line's own list; the groups of the filter are for found tags alone."""
    filtered = filter_tags(line.tags.prompts or (), line.tags.model_copy(update={"drop_groups": ()}))
    proposer = proposer_of(line)
    if not proposer.needs_prompts:
        note = f"the {proposer.name} proposals use no vocabulary: no tagging model was asked"
    else:
        note = "the line names the prompts: no tagging model was asked"
    return Tags(
        proposer="line" if line.tags.prompts else "none", prompts=filtered.kept, dropped=_dropped(filtered), note=note
    )


def _dropped(filtered: FilteredTags) -> tuple[DroppedTag, ...]:
    return tuple(DroppedTag(name=dropped.name, reason=dropped.reason) for dropped in filtered.dropped)


STAGE = Stage(
    name="tagging", run=run, summary=TaggingSummary, sections=("images", "tags", "pseudo_labels"), weights=weights
)
