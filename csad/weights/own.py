"""A user's own weights, such as a backbone of timm: into the weights folder and the store's mirror, under a name."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from csad.common.errors import WeightsError
from csad.config.weights_address import ADDRESS, is_name
from csad.weights.catalogue import PublishedWeights, read_catalogue
from csad.weights.digests import Digests, forget
from csad.weights.intake import take_in


class Renewable(Protocol):
    """A mirror that takes a file in, such as `csad.weights.mirror.StoreMirror`."""

    def keep(self, name: str, digests: Digests, path: Path) -> None:
        """Mirror a file; other weights under the same name are refused."""
        ...

    def renew(self, name: str, digests: Digests, path: Path) -> None:
        """Mirror a file, whatever had its name."""
        ...


def push(name: str, source: Path, folder: Path, mirror: Renewable) -> Digests:
    """Take a file in as NAME.safetensors and mirror it.

    Args:
        name: What a line calls it: weights://NAME.
        source: A .safetensors file, or a pickle of tensors, which becomes one.
        folder: The weights folder.
        mirror: The store's.

    Raises:
        WeightsError: The name cannot be used or other weights have it, or the file is damaged.
        StoreError: The store does not answer.
        OSError: The folder is full or read-only.
    """
    entry = _entry(name, source)
    digests = take_in(entry, source, folder)
    mirror.keep(name, digests, folder / f"{name}.safetensors")
    return digests


def renew(name: str, source: Path, folder: Path, mirror: Renewable) -> Digests:
    """Take a file in, in the place of the one that had its name; lines that pin the old one keep it in the store.

    Raises:
        WeightsError: The name cannot be used, or the file is damaged.
        StoreError: The store does not answer.
        OSError: The folder is full or read-only.
    """
    entry = _entry(name, source)
    forget(folder, name)
    digests = take_in(entry, source, folder)
    mirror.renew(name, digests, folder / f"{name}.safetensors")
    return digests


def _entry(name: str, source: Path) -> PublishedWeights:
    if not is_name(name):
        raise WeightsError(f"{name!r} is no name for weights; expected letters, digits, ., _ and -, for {ADDRESS}NAME")
    if any(name == entry.name for entry in read_catalogue()):
        raise WeightsError(
            f"{name} are public weights; mirror them with `csad weights sync {name}`, or from a folder with "
            f"`csad weights import DIR {name}`"
        )
    return PublishedWeights(
        name=name,
        file=f"{name}.safetensors",
        url=source.absolute().as_uri(),
        purpose="a user's own",
        licence="unknown",
        megabytes=source.stat().st_size / 1e6,
    )
