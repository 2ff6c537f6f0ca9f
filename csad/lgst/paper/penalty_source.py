"""Where the images come from that the local student must not imitate its teacher on (paper 3.4; arXiv:2303.14535)."""

from __future__ import annotations

import logging
from importlib import resources
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from csad.common.errors import DatasetError
from csad.images import read_rgb
from csad.images.walking import walk
from csad.imaging.canvas_store import to_tensor
from csad.lgst.paper.penalty import penalty_images

PRODUCT, PACKAGED = "product", "packaged"
PHOTOGRAPHS = {
    "skimage.data": (
        *("astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "coins.png", "grass.png"),
        *("gravel.png", "hubble_deep_field.jpg", "motorcycle_left.png", "rocket.jpg"),
    ),
    "sklearn.datasets.images": ("china.jpg", "flower.jpg"),
}
"""Photographs that come with the installation: the substitute for a sample of ImageNet."""

ENLARGED = 2
"""A picture is brought to twice the size before it is cut (EfficientAD), here anywhere: few pictures show more so."""

GREY = 0.3
"""Fraction of the pictures that lose their colour (EfficientAD)."""


_log = logging.getLogger(__name__)


class PenaltySource(Protocol):
    """Anything that gives penalty images."""

    def draw(self, images: Tensor, size: tuple[int, int], generator: torch.Generator) -> Tensor:
        """Draw one penalty image per product image.

        Args:
            images: Product images of the step, float32 (B, 3, H, W) in 0..1.
            size: Height and width of the penalty images.
            generator: CPU generator of the draws.

        Returns:
            float32 (B, 3, *size) in 0..1 on the device of `images`.
        """
        ...


class FromProduct:
    """Penalty images made from the product's own (see `csad.lgst.paper.penalty`)."""

    def draw(self, images: Tensor, size: tuple[int, int], generator: torch.Generator) -> Tensor:
        """Make one of each product image."""
        return penalty_images(images, size, generator)


class FromPictures:
    """Penalty images cut out of pictures that have nothing to do with the product, such as ImageNet's.

    Args:
        files: Image files; each is read when it is drawn, so a folder may hold a million.
    """

    def __init__(self, files: tuple[Path, ...]) -> None:
        self.files = files

    def draw(self, images: Tensor, size: tuple[int, int], generator: torch.Generator) -> Tensor:
        """Cut one out of a random picture for each product image."""
        cut = [self._cut(size, generator) for _ in range(len(images))]
        return torch.stack(cut).to(images.device)

    def _cut(self, size: tuple[int, int], generator: torch.Generator) -> Tensor:
        picture = read_rgb(self.files[_below(len(self.files), generator)])
        enlarged = functional.interpolate(
            to_tensor(picture[None]), size=(ENLARGED * size[0], ENLARGED * size[1]), mode="bilinear", antialias=True
        )[0]
        top, left = _below(size[0] + 1, generator), _below(size[1] + 1, generator)
        cut = enlarged[:, top : top + size[0], left : left + size[1]]
        if float(torch.rand(1, generator=generator)) < GREY:
            cut = cut.mean(dim=0, keepdim=True).expand_as(cut)
        return cut.clamp(0, 1)


def penalty_source(name: str) -> PenaltySource:
    """Find what `lgst.penalty` names.

    Args:
        name: "product", "packaged" or a folder.

    Raises:
        DatasetError: The folder does not exist or holds no images.
    """
    if name == PRODUCT:
        return FromProduct()
    files = penalty_files(name)
    what = "photographs of the installation, not ImageNet" if name == PACKAGED else f"images of {name}"
    _log.info("penalty images: cut out of %d %s", len(files), what)
    return FromPictures(files)


def penalty_files(name: str) -> tuple[Path, ...]:
    """The files that `lgst.penalty` names, sorted; none for "product".

    Raises:
        DatasetError: The folder does not exist or holds no images.
    """
    if name == PRODUCT:
        return ()
    if name == PACKAGED:
        return tuple(
            Path(str(resources.files(package) / file)) for package, files in PHOTOGRAPHS.items() for file in files
        )
    folder = Path(name)
    found = tuple(walk(folder).images) if folder.is_dir() else ()
    if not found:
        what = "holds no images" if folder.is_dir() else "is not a folder"
        raise DatasetError(
            f"lgst.penalty names {folder}, which {what}; expected product, packaged, or a folder of images that are "
            "not of the product, such as a sample of ImageNet"
        )
    return found


def _below(limit: int, generator: torch.Generator) -> int:
    return int(torch.randint(limit, (1,), generator=generator))
