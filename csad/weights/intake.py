"""Take a published file into the weights folder: checked, converted to safetensors, recorded."""

from __future__ import annotations

from pathlib import Path

from csad.common import atomic
from csad.common.errors import WeightsError
from csad.common.file_copy import copy_bytes
from csad.common.file_stamp import FileStamp
from csad.weights.catalogue import PublishedWeights
from csad.weights.checkpoints import file_digest, read_state, verify_digest
from csad.weights.digests import FILE, Digests, read_digests, record, require_same

SAFETENSORS = ".safetensors"


def take_in(entry: PublishedWeights, source: Path, folder: Path) -> Digests:
    """Put a published file into the weights folder.

    A pickle is read with `weights_only=True`, which runs none of its code, and written as safetensors.

    Args:
        entry: What the file should be.
        source: The file as published; it stays where it is.
        folder: The weights folder.

    Raises:
        WeightsError: The file is damaged, or not the one seen first under this name; nothing is changed then.
        OSError: The folder is full or read-only.
    """
    assert entry.file is not None
    before = FileStamp.find(source)
    published = verify_digest(source, entry.sha256)
    known = read_digests(folder).get(entry.name)
    require_same(entry.name, Digests(published=published, stored="", bytes=0), known, str(folder / FILE))
    target = folder / entry.file
    with atomic.replacing(target) as temporary:
        if entry.file.endswith(SAFETENSORS):
            _convert(source, temporary)
        else:
            copy_bytes(source, temporary)
        if FileStamp.find(source) != before:
            raise WeightsError(f"{source} changed while it was read; run the same command again when it is whole")
    found = Digests(published=published, stored=file_digest(target), bytes=target.stat().st_size)
    record(folder, entry.name, found)
    return found


def take_over(entry: PublishedWeights, path: Path, source: Path, folder: Path) -> Digests | None:
    """Copy a file, and its record, from another weights folder.

    Args:
        entry: What the file should be.
        path: The file.
        source: The folder that may be another weights folder.
        folder: The weights folder.

    Returns:
        Its digests; None where `source` has no record of it.

    Raises:
        WeightsError: The file is not the recorded one, or not the one seen first here.
    """
    assert entry.file is not None
    known = read_digests(source).get(entry.name)
    if known is None or path != source / entry.file:
        return None
    verify_digest(path, known.stored)
    with atomic.replacing(folder / entry.file) as temporary:
        copy_bytes(path, temporary)
        verify_digest(temporary, known.stored)
        record(folder, entry.name, known)
    return known


def check(entry: PublishedWeights, folder: Path) -> str | None:
    """Compare a file of the folder with its record.

    Returns:
        What is wrong, one sentence; None where the file is as it was first seen.

    Raises:
        WeightsError: The record itself is damaged.
    """
    assert entry.file is not None
    path = folder / entry.file
    known = read_digests(folder).get(entry.name)
    if known is None:
        return (
            f"{path} has no record in {folder / FILE}; take it in with `csad weights import`"
            if path.exists()
            else (f"{entry.name} is not in {folder}; bring it with `csad weights sync {entry.name}`")
        )
    try:
        verify_digest(path, known.stored)
    except WeightsError as error:
        return str(error)
    return None


def is_present(entry: PublishedWeights, folder: Path) -> bool:
    """Whether a recorded file of the right size is there; `check` reads it, too."""
    known = read_digests(folder).get(entry.name)
    path = folder / (entry.file or "")
    return known is not None and path.is_file() and path.stat().st_size == known.bytes


def _convert(source: Path, target: Path) -> None:
    from safetensors.torch import save_file

    state = read_state(source)
    if source.suffix == SAFETENSORS:
        copy_bytes(source, target)
        return
    # Tensors that share memory are refused by the format: each gets its own.
    save_file({name: tensor.detach().clone().contiguous() for name, tensor in state.items()}, target)
