"""Data sets as folders and as requests, for the tests of pushing and pulling them."""

from pathlib import Path

import numpy as np
from PIL import Image

from csad.config.line import ProductLine
from csad.images import inspect
from csad.store.objects import ObjectStore

LINE = ProductLine(name="bottle")
FILES = 16
"""In the folder `data`, each with a content of its own."""


def digest_of(folder: Path) -> str:
    return inspect(folder, LINE).images.digest


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def objects_sent(requests: list[str]) -> list[str]:
    return [request for request in requests if request.startswith("PUT") and "/objects/" in request]


def objects_of(store: ObjectStore) -> list[str]:
    return list(store.list("datasets/bottle/objects/"))


def noise(folder: Path, count: int, side: int) -> None:
    generator = np.random.default_rng(0)
    folder.mkdir()
    for index in range(count):
        Image.fromarray(generator.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(folder / f"{index:03d}.png")
