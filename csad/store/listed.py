"""What a listing of the store tells of an object."""

from datetime import datetime
from typing import NamedTuple


class Listed(NamedTuple):
    """An object as a listing shows it.

    Attributes:
        key: Its key.
        size: Bytes.
        written: When it was stored last, by the store's clock; None for a folder.
    """

    key: str
    size: int
    written: datetime | None = None
