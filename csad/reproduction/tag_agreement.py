"""How far the automatic tag filter agrees with the paper's edit by hand (table 8)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from csad.config.settings import TagSettings
from csad.foundation.tag_filter import filter_tags, normalised


@dataclass(frozen=True)
class TagAgreement:
    """The filter's tags against the paper's, in the order of the tags.

    Attributes:
        category: Whose tags.
        both: Kept by both.
        lost: The paper keeps them, the filter drops them.
        extra: The filter keeps them, the paper drops them.
        neither: Dropped by both.
    """

    category: str
    both: tuple[str, ...]
    lost: tuple[str, ...]
    extra: tuple[str, ...]
    neither: tuple[str, ...]

    @property
    def fraction(self) -> float:
        """Fraction of all tags on which both agree, 0..1; 1 without tags."""
        tags = len(self.both) + len(self.lost) + len(self.extra) + len(self.neither)
        return (len(self.both) + len(self.neither)) / tags if tags else 1.0


def tag_agreement(category: str, tags: Sequence[str], published: Iterable[str], settings: TagSettings) -> TagAgreement:
    """Filter tags and compare what is left with the paper's.

    Args:
        category: Whose tags.
        tags: Before the filter, the surest first; tags of the paper that are not among them do not count.
        published: What the paper keeps.
        settings: Settings of the filter.
    """
    kept = set(filter_tags(tags, settings).kept)
    wanted = {normalised(tag) for tag in published}
    distinct = list(dict.fromkeys(map(normalised, tags)))

    def those(by_filter: bool, by_paper: bool) -> tuple[str, ...]:
        return tuple(tag for tag in distinct if (tag in kept) is by_filter and (tag in wanted) is by_paper)

    return TagAgreement(
        category,
        both=those(True, True),
        lost=those(False, True),
        extra=those(True, False),
        neither=those(False, False),
    )
