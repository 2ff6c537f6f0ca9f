"""Synthetic anomalies among the labelled images: LSA, or CutPaste, which the paper compares with it (3.2, table 3)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from csad.config.settings import SegmentationSettings
from csad.segmentation.lsa import Component, LabelledImage, components_of, paste_components

CUT_AREA = (0.02, 0.15)
"""Fraction of the image, as in CutPaste (arXiv:2104.04015, section 2.2)."""

CUT_ASPECT = (0.3, 3.3)
"""Height over width of the rectangle, as there."""


class SyntheticAnomalies:
    """Makes labelled images anomalous, with labels that stay true.

    Args:
        donors: Labelled images whose parts are pasted into others; none where nothing is to be pasted.
        settings: What is pasted, and into which fraction of the images.
    """

    def __init__(self, donors: Sequence[LabelledImage], settings: SegmentationSettings) -> None:
        self._cutpaste = settings.lsa_kind == "cutpaste"
        self._fraction = settings.lsa_fraction
        self._images = donors if self._cutpaste else ()
        self._components: list[list[Component]] = [] if self._cutpaste else [components_of(donor) for donor in donors]

    def __call__(self, image: LabelledImage, generator: np.random.Generator) -> LabelledImage:
        """Change an image, or leave it as it is.

        Args:
            image: It is not changed itself.
            generator: Source of randomness.
        """
        donors = len(self._images) if self._cutpaste else len(self._components)
        if not donors or generator.random() >= self._fraction:
            return image
        chosen = int(generator.integers(donors))
        if self._cutpaste:
            return paste_rectangle(image, self._images[chosen], generator)
        return paste_components(image, self._components[chosen], generator)


def paste_rectangle(image: LabelledImage, donor: LabelledImage, generator: np.random.Generator) -> LabelledImage:
    """CutPaste with labels: a random rectangle of the donor, with what it shows, at a random place.

    Args:
        image: The image that becomes anomalous; it is not changed.
        donor: Labelled image of the same size.
        generator: Source of randomness.
    """
    height, width = image.labels.shape
    area = generator.uniform(*CUT_AREA) * height * width
    aspect = float(np.exp(generator.uniform(*np.log(CUT_ASPECT))))
    rows = int(np.clip(round((area * aspect) ** 0.5), 1, height))
    columns = int(np.clip(round((area / aspect) ** 0.5), 1, width))
    source, target = (_place((rows, columns), (height, width), generator) for _ in range(2))
    pixels, labels = image.pixels.copy(), image.labels.copy()
    pixels[target], labels[target] = donor.pixels[source], donor.labels[source]
    return LabelledImage(pixels, labels)


def _place(rectangle: tuple[int, int], image: tuple[int, int], generator: np.random.Generator) -> tuple[slice, slice]:
    """Draw a place for a rectangle inside an image, (rows, columns) both."""
    starts = [int(generator.integers(whole - side + 1)) for side, whole in zip(rectangle, image, strict=True)]
    return slice(starts[0], starts[0] + rectangle[0]), slice(starts[1], starts[1] + rectangle[1])
