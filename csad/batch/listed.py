"""Images that are to be scored, known by name and by a mark that changes with their bytes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from csad.common.hashing import bytes_sha256
from csad.common.printable import printable

MISSING = "missing"
"""Mark of an image that a list names and that is not there."""


@dataclass(frozen=True, slots=True)
class ListedImage:
    """One image.

    Attributes:
        name: Absolute path, or s3://BUCKET/KEY.
        mark: Other bytes, another mark: an ETag, a stamp of the file, or a SHA-256; "missing" where it is not there.
        bytes: Its size; None where it is missing.
        modified: When it was written, nanoseconds since 1970; None where nobody knows.
    """

    name: str
    mark: str
    bytes: int | None
    modified: int | None

    @property
    def shown(self) -> str:
        """The name as rows have it: always Unicode."""
        return printable(self.name)

    def to_line(self) -> str:
        """As JSON on one line, ASCII whatever the name."""
        return json.dumps([self.name, self.mark, self.bytes, self.modified], separators=(",", ":")) + "\n"

    @classmethod
    def from_line(cls, line: str) -> ListedImage:
        """Read what `to_line` wrote."""
        return cls(*json.loads(line))


@dataclass(frozen=True)
class Listing:
    """All images of a batch.

    Attributes:
        source: Folder, prefix or list, as results name it.
        images: Each once, sorted by the name that is shown.
        duplicates: Names that a list repeats.
        missing: Names of a list that are not there.
        ignored: Files that are no images, per reason.
    """

    source: str
    images: Sequence[ListedImage]
    duplicates: int = 0
    missing: int = 0
    ignored: Mapping[str, int] = field(default_factory=Counter)

    @classmethod
    def of(cls, source: str, images: Sequence[ListedImage], ignored: Mapping[str, int] | None = None) -> Listing:
        """Sort images and leave out those that are named twice."""
        ordered = sorted(images, key=lambda image: image.shown)
        once = [image for index, image in enumerate(ordered) if index == 0 or image.name != ordered[index - 1].name]
        missing = sum(image.mark == MISSING for image in once)
        return cls(source, once, len(ordered) - len(once), missing, ignored or {})


def marks_sha256(images: Sequence[ListedImage]) -> str:
    """SHA-256 over the names and marks of images, in their order."""
    return bytes_sha256("".join(json.dumps([image.name, image.mark]) + "\n" for image in images).encode("ascii"))
