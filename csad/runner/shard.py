"""Shards of a stage's images, so that several tasks divide its work."""

import re
from dataclasses import dataclass
from typing import Self

from csad.common.errors import StageError

TEXT = re.compile(r"([1-9]\d{0,3})/([1-9]\d{0,3})")


@dataclass(frozen=True)
class Shard:
    """One of several equal parts, written "2/3": the second of three.

    Attributes:
        number: From 1.
        of: Number of parts.
    """

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a shard.

        Raises:
            StageError: It is none.
        """
        match = TEXT.fullmatch(text)
        if match is None or int(match[1]) > int(match[2]):
            raise StageError(f"found the shard {text!r}, expected one such as 1/1, or 1/3, 2/3 and 3/3 for three tasks")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def all(cls, of: int) -> list[str]:
        """Write all parts: ["1/2", "2/2"]."""
        return [f"{number}/{of}" for number in range(1, of + 1)]

    @property
    def options(self) -> dict[str, int]:
        """Options in the form that stages take: counted from 0."""
        return {"shard": self.number - 1, "shards": self.of}
