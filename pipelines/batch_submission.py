"""What a batch run on a cluster is given: pods see the store, and no folder or list of this machine."""

from pathlib import Path

from csad.common.errors import DatasetError
from csad.config.line import ProductLine
from csad.store.buckets import SCHEME, split_address

CHOOSE = "copy the images into a bucket of the store and give s3://BUCKET/PREFIX/, or score them on this machine: "
HERE = "python -m pipelines score-here"


def batch_parameters(line: ProductLine, images: str, version: str, out: str) -> dict[str, object]:
    """Parameters of a batch run.

    Args:
        line: Product line whose model scores.
        images: s3://BUCKET/PREFIX/, s3://BUCKET/LIST.txt, or a list on this machine, which is put into the store.
        version: Version of the model, "latest", or "" for the one in service.
        out: s3://BUCKET/KEY.parquet, or "" for a place in csad's own store.

    Raises:
        DatasetError: The images or the place of the results are on this machine.
        StoreError: An address is none, or the list cannot be stored.
    """
    from csad.batch.places import require_result_address

    if out:
        if not out.startswith(SCHEME):
            raise DatasetError(f"--out {out}: pods cannot write there; expected s3://BUCKET/KEY.parquet, or nothing")
        require_result_address(out)
    return {"line": line.name, "images": _seen_by_pods(line, images), "version": version, "out": out}


def _seen_by_pods(line: ProductLine, images: str) -> str:
    if images.startswith(SCHEME):
        split_address(images)
        return images
    path = Path(images)
    if not path.is_file():
        found = "is a folder of this machine, which pods do not see" if path.is_dir() else "does not exist"
        raise DatasetError(f"{images} {found}; {CHOOSE}{HERE}")
    from csad.batch.plan import ROOT
    from csad.batch.sources import list_names
    from csad.common.hashing import bytes_sha256
    from csad.store.objects import ObjectStore
    from csad.store.settings import StoreSettings

    content = path.read_bytes()
    if not list_names(images, content, None):
        raise DatasetError(f"{images} names no images; expected s3://BUCKET/KEY in every line")
    store = ObjectStore.connect(StoreSettings.from_environment())
    key = f"{ROOT}/{line.name}/given/{bytes_sha256(content)}.txt"
    store.put_bytes(key, content)
    return f"{SCHEME}{store.settings.bucket}/{store.settings.prefix}{key}"
