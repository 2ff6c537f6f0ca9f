"""`clusters.json`: what the pseudo-labels of a line are (paper 3.1)."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from csad.common import atomic
from csad.common.errors import StageError

FILE = "clusters.json"
LABEL_MAPS = "label_maps"
GALLERY = "gallery"
OVERLAYS = "overlays"


class BandwidthTrial(BaseModel):
    """What another bandwidth would give.

    Attributes:
        quantile: Quantile of the pairwise distances.
        bandwidth: That quantile.
        found: Clusters before alpha.
        kept: Classes.
        dropped_fraction: Fraction of the components in neither.
        variation: Variation of the number of components of a class from image to image, variance over mean.
    """

    model_config = ConfigDict(frozen=True)

    quantile: float
    bandwidth: float
    found: int
    kept: int
    dropped_fraction: float
    variation: float


class PseudoLabels(BaseModel):
    """Classes 1..K and the images that show them.

    Attributes:
        classes: K; 0 where the images share no components.
        components: Components of all images.
        sizes: Components per class.
        images: Images that contain each class.
        alpha: Images that a cluster had to appear in, or members that it had to have.
        bandwidth: Bandwidth of the mean shift; 0 without classes.
        quantile: Quantile of the pairwise distances that gave the bandwidth; null where the line fixes it.
        found: Clusters before alpha.
        dropped_fraction: Fraction of the components whose cluster was dropped.
        kept: Stems of the images that train as labelled ones.
        types: Product type of every training image by its stem.
        type_count: Product types.
        note: What the label filter found, or why there are no classes; one sentence.
        doubts: Why the classes may tell no parts apart, or that there are none; a sentence each.
        trials: Other bandwidths, for people.
    """

    model_config = ConfigDict(frozen=True)

    classes: int
    components: int
    sizes: tuple[int, ...]
    images: tuple[int, ...]
    alpha: int
    bandwidth: float
    quantile: float | None
    found: int
    dropped_fraction: float
    kept: tuple[str, ...]
    types: dict[str, int]
    type_count: int
    note: str
    doubts: tuple[str, ...] = ()
    trials: tuple[BandwidthTrial, ...] = ()

    def write(self, folder: Path) -> None:
        """Leave the record in the folder of the pseudo-labels."""
        atomic.write_text(folder / FILE, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the record of a clustering output.

        Raises:
            StageError: The file is missing or damaged.
        """
        try:
            return cls.model_validate_json((folder / FILE).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, ValidationError) as error:
            raise StageError(
                f"{folder / FILE} cannot be read ({type(error).__name__}); run the clustering stage again"
            ) from error
