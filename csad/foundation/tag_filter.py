"""Which of the tags that a tagging model found become prompts (paper 3.1 and table 8, which edit them by hand)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from csad.config.settings import TagSettings
from csad.foundation.packaged import read_packaged

FILE = Path(__file__).with_name("tag_groups.yaml")
SHA256 = "36c6031a3eb01fdddfe0fcbc48d2db71bd11b69c99e97db4b70eaa64142d5396"

REASONS: Mapping[str, str] = {
    "action": "an action",
    "property": "a property, no thing",
    "colour": "a colour",
    "material": "a material",
    "background": "a place or background",
    "picture": "says what kind of picture it is",
    "abstract": "nothing that has a place in the image",
    "collective": "names all parts together",
    "container": "a container",
}

CONTAINER = "container"


@dataclass(frozen=True)
class DroppedTag:
    """A tag that is no prompt, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class FilteredTags:
    """What a filter made of some tags.

    Attributes:
        kept: In their order, lower-case.
        dropped: In their order.
    """

    kept: tuple[str, ...]
    dropped: tuple[DroppedTag, ...]


def filter_tags(tags: Iterable[str], settings: TagSettings) -> FilteredTags:
    """Leave out what names no part of a product.

    Of several containers only the surest is kept: a product lies in one, which box, case and tray name alike.

    Args:
        tags: Tags that were found, the surest first.
        settings: `drop` and `keep` change single tags (`drop` wins), `drop_groups` says which groups go.

    Raises:
        WeightsError: The installation is damaged.
    """
    drop = {normalised(tag) for tag in settings.drop}
    keep = {normalised(tag) for tag in settings.keep}
    groups = group_of_tag()
    kept: dict[str, None] = {}
    container = ""
    dropped = []
    for tag in map(normalised, tags):
        group = groups.get(tag)
        if tag in drop:
            dropped.append(DroppedTag(tag, "listed in tags.drop"))
        elif group in settings.drop_groups and tag not in keep:
            dropped.append(DroppedTag(tag, f"{REASONS[group]} (group {group})"))
        elif not tag or tag in kept:
            dropped.append(DroppedTag(tag, "repeated" if tag else "empty"))
        elif group == CONTAINER and container and tag not in keep:
            dropped.append(DroppedTag(tag, f"a container, as {container} is, which is surer"))
        else:
            container = container or (tag if group == CONTAINER else "")
            kept[tag] = None
    return FilteredTags(tuple(kept), tuple(dropped))


@cache
def group_of_tag() -> Mapping[str, str]:
    """The group of each tag that may be dropped.

    Raises:
        WeightsError: The installation is damaged.
    """
    texts = read_packaged(FILE, SHA256)
    return {normalised(tag): group for group, listed in texts.items() for tag in listed.split(",")}


def normalised(tag: str) -> str:
    """Lower-case, with single spaces."""
    return " ".join(tag.lower().split())
