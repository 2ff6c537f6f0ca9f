"""How much work a training run is for each stage: what its time and its output grow with."""

from dataclasses import dataclass
from typing import Self

from csad.config.line import ProductLine

MEGAPIXEL = 1e6
CELL = 64
"""Pixels of the network's input per patch of the memory banks."""


@dataclass(frozen=True)
class Workload:
    """The quantities of a run.

    Attributes:
        train: Good images that train.
        validation: Good images that calibrate.
        test: Images that evaluate.
        megapixels: Network's input of one image.
        trained_images: Images that the segmentation network sees in all its steps, repeated ones included.
        patches: Patches of a memory bank.
    """

    train: int
    validation: int
    test: int
    megapixels: float
    trained_images: int
    patches: int

    @classmethod
    def of(cls, line: ProductLine, train: int, validation: int, test: int) -> Self:
        """Find the quantities of a line with so many images; unlabelled images are as many as labelled ones.

        Args:
            line: Product line.
            train: Good images for training; where there are no `validation` images, a part is held out of these.
            validation: Good images for calibration.
            test: Images for evaluation.
        """
        held_out = 0 if validation else round(train * line.images.validation_fraction)
        size = line.images.size
        pixels = size[0] * size[1] if size else line.images.area
        fitting = train - held_out
        return cls(
            train=fitting,
            validation=validation + held_out,
            test=test,
            megapixels=pixels / MEGAPIXEL,
            trained_images=_steps(line, fitting) * 2 * line.segmentation.batch,
            patches=min(line.lgst.coreset_size, fitting * pixels // CELL),
        )

    @property
    def normal(self) -> int:
        """Good images that train and calibrate."""
        return self.train + self.validation

    def quantities(self, stage: str) -> tuple[float, ...]:
        """What the time of a stage grows with, each in proportion; a constant comes on top.

        Args:
            stage: Name of a stage.

        Returns:
            Images; images in megapixels; and the latter times thousands of patches, where each patch of an image is
            compared with the memory banks.
        """
        normal = self.normal * self.megapixels
        measured = (self.validation + self.test) * self.megapixels
        thousands = self.patches / 1000
        return {
            "ingest": (float(self.normal + self.test),),
            "tagging": (),
            "masks": (float(self.normal), normal),
            "clustering": (float(self.normal), normal),
            "segnet": (self.trained_images * self.megapixels,),
            "lgst": (normal, normal * thousands),
            "statistics": (normal, normal * thousands),
            "evaluation": (measured, measured * thousands),
        }[stage]


def _steps(line: ProductLine, labelled: int) -> int:
    if line.segmentation.epochs is None:
        return line.segmentation.steps
    from csad.segmentation.training import steps_of  # brings torch along, which most lines need not wait for

    return steps_of(line.segmentation, labelled)
