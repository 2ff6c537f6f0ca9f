"""Which of the words that a tagging model found are worth looking for (METHOD 1.1; the paper does this by hand)."""

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
class DroppedWord:
    """A word that is not looked for, and why."""

    word: str
    reason: str


@dataclass(frozen=True)
class FilteredWords:
    """What a filter made of some words.

    Attributes:
        kept: In their order, lower-case.
        dropped: In their order.
    """

    kept: tuple[str, ...]
    dropped: tuple[DroppedWord, ...]


def filter_words(words: Iterable[str], settings: TagSettings) -> FilteredWords:
    """Leave out what names no part of a product.

    Of several containers only the surest is kept: a product lies in one, which box, case and tray name alike.

    Args:
        words: Words that were found, the surest first.
        settings: `drop` and `keep` change single words (`drop` wins), `drop_groups` says which groups go.

    Raises:
        WeightsError: The installation is damaged.
    """
    drop = {normalised(word) for word in settings.drop}
    keep = {normalised(word) for word in settings.keep}
    groups = group_of_word()
    kept: dict[str, None] = {}
    container = ""
    dropped = []
    for word in map(normalised, words):
        group = groups.get(word)
        if word in drop:
            dropped.append(DroppedWord(word, "listed in tags.drop"))
        elif group in settings.drop_groups and word not in keep:
            dropped.append(DroppedWord(word, f"{REASONS[group]} (group {group})"))
        elif not word or word in kept:
            dropped.append(DroppedWord(word, "repeated" if word else "empty"))
        elif group == CONTAINER and container and word not in keep:
            dropped.append(DroppedWord(word, f"a container, as {container} is, which is surer"))
        else:
            container = container or (word if group == CONTAINER else "")
            kept[word] = None
    return FilteredWords(tuple(kept), tuple(dropped))


@cache
def group_of_word() -> Mapping[str, str]:
    """The group of each word that may be dropped.

    Raises:
        WeightsError: The installation is damaged.
    """
    texts = read_packaged(FILE, SHA256)
    return {normalised(word): group for group, words in texts.items() for word in words.split(",")}


def normalised(word: str) -> str:
    """Lower-case, with single spaces."""
    return " ".join(word.lower().split())
