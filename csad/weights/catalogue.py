"""`weights.yaml`: every public file that csad can use."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator

from csad.common.errors import WeightsError

CATALOGUE = Path(__file__).with_name("weights.yaml")


class PublishedWeights(BaseModel):
    """One file, or one package that carries its weights.

    Attributes:
        name: Name as a user calls it.
        file: Path inside the weights folder, with "/"; None for a package.
        url: Where it is published.
        package: Distribution that carries it.
        purpose: What it is for.
        licence: SPDX identifier.
        megabytes: About how large it is.
        sha256: Digest of the published file where it is known beforehand; else the first one seen counts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    file: str | None = None
    url: str | None = None
    package: str | None = None
    purpose: str
    licence: str
    megabytes: float
    sha256: str | None = None

    @model_validator(mode="after")
    def _is_a_file_or_a_package(self) -> Self:
        if (self.package is None) == (self.file is None or self.url is None):
            raise ValueError("expected either file and url, or package")
        return self

    @property
    def published_name(self) -> str:
        """Name of the published file: what `csad weights import` looks for beside `file`."""
        return PurePosixPath(self.url or "").name

    def installed(self) -> bool:
        """Whether the package is installed; False for a file."""
        if self.package is None:
            return False
        try:
            metadata.version(self.package)
        except metadata.PackageNotFoundError:
            return False
        return True


def read_catalogue() -> tuple[PublishedWeights, ...]:
    """Read the list of public weights.

    Raises:
        WeightsError: The file is missing or damaged.
    """
    try:
        entries = TypeAdapter(tuple[PublishedWeights, ...]).validate_python(
            yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))
        )
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise WeightsError(f"{CATALOGUE} is no list of weights ({error}); install csad again") from error
    return entries


def file_of(name: str) -> str:
    """Path of weights inside the weights folder, with "/": of public ones as listed, of a user's own NAME.safetensors.

    Raises:
        WeightsError: The list is damaged.
    """
    listed = {entry.name: entry.file for entry in read_catalogue()}
    return listed.get(name) or f"{name}.safetensors"


def choose(catalogue: Sequence[PublishedWeights], names: Sequence[str]) -> tuple[PublishedWeights, ...]:
    """The named entries, or all of them when none is named; the list's order.

    Raises:
        WeightsError: A name that is not in the list.
    """
    known = {entry.name for entry in catalogue}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise WeightsError(f"no weights are called {', '.join(unknown)}; expected some of {', '.join(sorted(known))}")
    return tuple(entry for entry in catalogue if not names or entry.name in names)
