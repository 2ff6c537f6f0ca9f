"""The digests that files had when they were first seen; a file that changed since is refused."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from csad.common import atomic
from csad.common.errors import WeightsError

FILE = "digests.json"


class Digests(BaseModel):
    """Digests of one file.

    Attributes:
        published: SHA-256 of the file as it was published.
        stored: SHA-256 of the file in the weights folder: the same, or that of its conversion to safetensors.
        bytes: Size of the stored file.
    """

    model_config = ConfigDict(frozen=True)

    published: str
    stored: str
    bytes: int


Known = dict[str, Digests]
_KNOWN = TypeAdapter(Known)


def read_digests(folder: Path) -> Known:
    """Digests of the files that a folder has seen, by name of the weights.

    Raises:
        WeightsError: The record is damaged.
    """
    path = folder / FILE
    try:
        return parse(path.read_bytes(), str(path))
    except FileNotFoundError:
        return {}


def parse(data: bytes, source: str) -> Known:
    """Read what `dump` wrote.

    Raises:
        WeightsError: It is something else.
    """
    try:
        return _KNOWN.validate_json(data)
    except ValidationError as error:
        raise WeightsError(f"{source} is damaged; restore it, or remove it to record the digests anew") from error


def dump(known: Known) -> bytes:
    """JSON, sorted by name."""
    return _KNOWN.dump_json(dict(sorted(known.items())), indent=2) + b"\n"


def record(folder: Path, name: str, digests: Digests) -> None:
    """Add a file to the record of a folder, or confirm it.

    Raises:
        WeightsError: Another file was seen under this name before; the message names both digests.
    """
    known = read_digests(folder)
    require_same(name, digests, known.get(name), f"{folder / FILE}")
    atomic.write_text(folder / FILE, dump({**known, name: digests}).decode())


def forget(folder: Path, name: str) -> None:
    """Take a file out of the record of a folder, so that another may take its name.

    Raises:
        WeightsError: The record is damaged.
    """
    known = read_digests(folder)
    if known.pop(name, None) is not None:
        atomic.write_text(folder / FILE, dump(known).decode())


def require_same(name: str, found: Digests, known: Digests | None, where: str) -> None:
    """Compare with what was seen first.

    Raises:
        WeightsError: The published files differ.
    """
    if known is not None and found.published != known.published:
        raise WeightsError(
            f"weights {name} are not those seen first: their sha256 is {found.published}, {where} says "
            f"{known.published}; they were changed, truncated or swapped. If the publisher renewed them and you trust "
            f"that, remove {name} from {where}"
        )
