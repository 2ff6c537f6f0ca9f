"""Weights inside a pod: what a task reads is fetched from the store's mirror before the task begins."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from csad.common import atomic
from csad.config.line import ProductLine
from csad.config.weights_address import FOLDER_VARIABLE
from csad.runner.needed_weights import needed_weights
from csad.weights.cache import WeightsCache
from csad.weights.catalogue import file_of
from csad.weights.digests import FILE, Digests, dump
from csad.weights.resolve import resolve_digests

CACHE_VARIABLE = "CSAD_WEIGHTS_CACHE"
"""Folder that keeps fetched weights; a volume that pods share, where the pipeline mounts one."""

CACHE = "csad-weights-cache"
"""In the pod's folder for temporary files, where no volume is mounted."""


@contextmanager
def weights_at_hand(stage: str, line: ProductLine) -> Iterator[None]:
    """Have a weights folder with what a stage reads, for as long as this lasts.

    A folder that CSAD_WEIGHTS names is used as it is. A stage that reads no weights asks nobody.

    Args:
        stage: Name of a stage.
        line: Product line; `pinned_weights` holds the digests, as `ingest` resolved them.

    Raises:
        WeightsError: The store lacks some, or has others than the line pins; no room; a volume that cannot be written.
        StoreError: The store is not set up or does not answer.
    """
    names = needed_weights(stage, line)
    if not names or os.environ.get(FOLDER_VARIABLE):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="csad-weights-") as temporary:
        _fill(Path(temporary), names, line)
        os.environ[FOLDER_VARIABLE] = temporary
        try:
            yield
        finally:
            del os.environ[FOLDER_VARIABLE]


def _fill(folder: Path, names: tuple[str, ...], line: ProductLine) -> None:
    """Link the files of a cache into a weights folder, with the record of their digests."""
    from csad.store.objects import ObjectStore
    from csad.store.settings import StoreSettings
    from csad.weights.mirror import StoreMirror

    mirror = StoreMirror(ObjectStore.connect(StoreSettings.from_environment()))
    cache = WeightsCache(Path(os.environ.get(CACHE_VARIABLE) or Path(tempfile.gettempdir()) / CACHE))
    record: dict[str, Digests] = {}
    unpinned = [name for name in names if name not in line.pinned_weights]
    digests = resolve_digests(unpinned, {}, mirror) | {n: d for n, d in line.pinned_weights.items() if n in names}
    for name in names:
        digest = digests[name]
        kept = cache.bring(name, digest, mirror)
        link = folder / file_of(name)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(kept)
        record[name] = Digests(published=digest, stored=digest, bytes=kept.stat().st_size)
    atomic.write_text(folder / FILE, dump(record).decode())
