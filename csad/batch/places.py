"""Where results go, and what may be replaced there."""

from __future__ import annotations

import tempfile
from pathlib import Path

from csad.common.errors import DatasetError
from csad.common.printable import printable
from csad.store.buckets import SCHEME, Bucket, split_address
from csad.store.objects import ObjectStore


def require_result_address(address: str) -> None:
    """Refuse what is no place for results.

    Raises:
        DatasetError: It names no Parquet file in a bucket.
        StoreError: It is no address.
    """
    _, key = split_address(address)
    if not key.endswith(".parquet"):
        raise DatasetError(f"{address} is no place for results; expected s3://BUCKET/KEY.parquet")


def require_replaceable(store: ObjectStore, address: str, source: str) -> None:
    """Refuse to replace what is no result of the same images, before there is work to lose.

    Args:
        store: csad's own store; its server has the bucket, too.
        address: s3://BUCKET/KEY.parquet.
        source: Folder, prefix or list that is to be scored.

    Raises:
        DatasetError: Something else is there.
        StoreError: There is no such bucket, or the store does not answer.
    """
    require_result_address(address)
    name, key = split_address(address)
    bucket = Bucket(store.settings, name)
    if not bucket.objects.exists(key):
        return
    with tempfile.TemporaryDirectory(prefix="csad-batch-") as folder:
        file = Path(folder) / "results.parquet"
        bucket.objects.get_file(key, file, None)
        require_same_source(file, source, address)


def require_same_source(file: Path, source: str, shown: str) -> None:
    """Refuse to replace a file that holds no results of the same images.

    Args:
        file: A file that is there.
        source: Folder, prefix or list that is to be scored.
        shown: What the user calls the file.

    Raises:
        DatasetError: It holds something else.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        metadata = parquet.read_schema(file).metadata or {}
    except (pa.ArrowException, OSError) as error:
        raise DatasetError(f"{shown} is no Parquet file ({error}); remove it, or name another with --out") from error
    if b"csad_model" not in metadata:
        raise DatasetError(f"{shown} holds something else than scores; name another file with --out, or remove it")
    found = metadata.get(b"csad_images", b"").decode()
    if found != printable(source):
        raise DatasetError(
            f"{shown} holds results of {found}, not of {printable(source)}; name another file with --out, or remove it"
        )


def put_results(store: ObjectStore, file: Path, key: str, address: str) -> str:
    """Store results and return their address.

    Args:
        store: csad's own store.
        file: The results.
        key: Their key in csad's own store, where no other place is named.
        address: s3://BUCKET/KEY.parquet, or "".

    Raises:
        StoreError: The store refuses or does not answer.
    """
    if not address:
        store.put_file(key, file)
        return f"{SCHEME}{store.settings.bucket}/{store.settings.prefix}{key}"
    name, wanted = split_address(address)
    Bucket(store.settings, name).objects.put_file(wanted, file)
    return address
