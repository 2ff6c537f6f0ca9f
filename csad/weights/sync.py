"""Bring weights into a folder: from the store's mirror, else from where they are published; and fill the mirror."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from csad.common.errors import WeightsError
from csad.weights.catalogue import PublishedWeights, read_catalogue
from csad.weights.checkpoints import file_digest
from csad.weights.digests import Digests, read_digests, record
from csad.weights.download import download
from csad.weights.intake import check, is_present, take_in, take_over

PARTIAL = ".partial"

logger = logging.getLogger(__name__)


class Mirror(Protocol):
    """A copy of the weights folder elsewhere, such as `csad.weights.mirror.StoreMirror`."""

    def find(self, name: str) -> Digests | None:
        """Digests of mirrored weights; None where they are not mirrored."""
        ...

    def fetch(self, name: str, digests: Digests, path: Path) -> None:
        """Write the mirrored file to `path`, checked."""
        ...

    def keep(self, name: str, digests: Digests, path: Path) -> None:
        """Mirror a file; other weights under the same name are refused."""
        ...


def sync(
    entries: Sequence[PublishedWeights],
    folder: Path,
    mirror: Mirror | None,
    base: str | None = None,
    download_allowed: bool = True,
) -> dict[str, str]:
    """Bring every file that is not there yet.

    Args:
        entries: What to bring; packages come with the installation and are left alone.
        folder: The weights folder.
        mirror: Asked first, and filled; None without a store.
        base: Address that holds the published files, in the folders that they have here, instead of the public ones.
        download_allowed: False: only the mirror is asked.

    Returns:
        Name -> where it came from: "present", "store" or "download".

    Raises:
        WeightsError: A file cannot be had, is damaged, or is not the one seen first.
        OSError: The folder is full or read-only.
    """
    came: dict[str, str] = {}
    for entry in entries:
        if entry.file is not None:
            came[entry.name] = _bring(entry, folder, mirror, base, download_allowed)
            logger.info("%s: %s", entry.name, came[entry.name])
    return came


def import_folder(
    entries: Sequence[PublishedWeights], source: Path, folder: Path, mirror: Mirror | None
) -> dict[str, Path]:
    """Take in what a folder holds of the public files, by their published names or by their names here.

    Args:
        entries: What to look for.
        source: Folder that somebody carried over: published names, each alone or in a folder called like the weights or
            like their folder here; or the names here.
        folder: The weights folder.
        mirror: Filled as well; None without a store.

    Returns:
        Name -> the file that was taken in.

    Raises:
        WeightsError: There is none of them, or one is damaged or not the one seen first.
    """
    taken: dict[str, Path] = {}
    common = {entry.published_name for entry in read_catalogue() if entry not in entries}
    for entry in entries:
        if entry.file is None:
            continue
        for candidate in _candidates(entry, source, entry.published_name not in (common | _others(entry, entries))):
            if candidate.is_file():
                digests = take_over(entry, candidate, source, folder) or take_in(entry, candidate, folder)
                _keep(entry, digests, folder, mirror)
                taken[entry.name] = candidate
                break
    if not taken:
        expected = ", ".join(sorted({entry.published_name for entry in entries if entry.file}))
        raise WeightsError(f"{source} holds none of the public files; expected some of {expected}")
    return taken


def _others(entry: PublishedWeights, entries: Sequence[PublishedWeights]) -> set[str]:
    return {other.published_name for other in entries if other != entry}


def _candidates(entry: PublishedWeights, source: Path, unique: bool) -> list[Path]:
    assert entry.file is not None
    beside = Path(entry.file).parent
    found = [source / entry.file, source / entry.name / entry.published_name]
    # Several models are published as model.safetensors: that name alone says nothing.
    if unique or beside.name:
        found.append(source / beside / entry.published_name)
    if unique:
        found.append(source / entry.published_name)
    return found


def _bring(
    entry: PublishedWeights, folder: Path, mirror: Mirror | None, base: str | None, download_allowed: bool
) -> str:
    assert entry.file is not None
    assert entry.url is not None
    if is_present(entry, folder):
        problem = check(entry, folder)
        if problem:
            raise WeightsError(problem)
        if mirror is not None:
            _keep(entry, read_digests(folder)[entry.name], folder, mirror)
        return "present"
    mirrored = mirror.find(entry.name) if mirror is not None else None
    if mirror is not None and mirrored is not None:
        record(folder, entry.name, mirrored)
        mirror.fetch(entry.name, mirrored, folder / entry.file)
        return "store"
    if not download_allowed:
        asked = "the store has no" if mirror is not None else "there is no store, and downloads were forbidden, so no"
        raise WeightsError(f"{asked} {entry.name}; run `csad weights sync` where downloads are allowed, or import it")
    published = (Path(entry.file).parent / entry.published_name).as_posix()
    url = f"{base.rstrip('/')}/{published}" if base else entry.url
    waiting = folder / PARTIAL / entry.name
    waiting.mkdir(parents=True, exist_ok=True)
    partial = download(url, waiting / entry.published_name, entry.name)
    try:
        digests = take_in(entry, partial, folder)
    finally:
        # Complete, so that there is nothing to go on from: what is refused once would be refused again.
        shutil.rmtree(waiting)
    _keep(entry, digests, folder, mirror)
    return "download"


def _keep(entry: PublishedWeights, digests: Digests, folder: Path, mirror: Mirror | None) -> None:
    if mirror is not None and entry.file is not None:
        path = folder / entry.file
        if file_digest(path) != digests.stored:
            raise WeightsError(f"{path} changed while it was mirrored; run again")
        mirror.keep(entry.name, digests, path)
