"""The tags that the tag filter is judged on: those that are published, and those that RAM++ sees."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from csad.common.errors import CsadError
from csad.config.line import ProductLine
from csad.config.settings import TagSettings
from csad.images import read_rgb, scan_for_evaluation
from csad.reproduction.data_sets import find_data_set
from csad.reproduction.published import PROGRAM_PROMPTS, TAGS
from csad.reproduction.tag_agreement import TagAgreement, tag_agreement


@dataclass(frozen=True)
class SeenAgreements:
    """Agreement on what RAM++ sees.

    Attributes:
        agreements: One per category that is there.
        reasons: Why there are not more: a sentence each.
    """

    agreements: tuple[TagAgreement, ...]
    reasons: tuple[str, ...]


def known_agreements() -> tuple[TagAgreement, ...]:
    """Agreement on the published tags: those of table 8, then those that the program adds."""
    return tuple(
        tag_agreement(category, (*tags, *PROGRAM_PROMPTS[category]), tags, TagSettings())
        for category, tags in TAGS.items()
    )


def seen_agreements(root: Path) -> SeenAgreements:
    """Tag the first training image of each category with RAM++, as the paper did, and filter what it sees.

    Args:
        root: Folder of MVTec LOCO AD.

    Raises:
        DatasetError: Not one category is there.
    """
    data = find_data_set("loco", root)
    agreements, reasons = [], list(data.missing)
    for category in data.categories:
        published = TAGS.get(category.name)
        if published is None:
            continue
        try:
            tags = _tags_of(ProductLine(name=category.name), category.folder)
        except (CsadError, ImportError) as error:
            reasons.append(f"{category.name}: RAM++ cannot be asked: {error}")
        else:
            agreements.append(tag_agreement(category.name, tags, published, TagSettings()))
    return SeenAgreements(tuple(agreements), tuple(reasons))


def _tags_of(line: ProductLine, folder: Path) -> list[str]:
    from csad.foundation.tagging import build_tagger, merge_tags

    tagger = build_tagger(line)
    first = scan_for_evaluation(folder, line).train[0]
    return [found.tag.name for found in merge_tags([tagger.tag(read_rgb(first.path, line.images.max_pixels))])]
