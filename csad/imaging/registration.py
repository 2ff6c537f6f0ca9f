"""Bring a product that lies anywhere and at any angle to one pose (registration), where good images show that it does.

Each product is described by its contrast to the background around its centroid, in polar coordinates; a rotation is a
shift along the angle there, found by circular cross-correlation with a template (the rotation step of Fourier-Mellin
registration, Reddy and Chatterji 1996, DOI 10.1109/83.506761).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from csad.imaging.foreground import border_distance, foreground_of
from csad.imaging.working_image import working_image, working_size

RINGS = 40
ANGLES = 360
"""Samples of the polar description: one degree; a parabola through the peak gives the fraction."""

ROUNDS = 4
"""Times that the template is drawn anew from the images that it has aligned."""

LEAST_GAIN = 2.0
"""By which factor registration must lower what differs from the template. Products at any angle reach 5 to 25, aligned
ones 1.0 to 1.2, and round ones, which show no angle, 1.5."""

LEAST_DIFFERENCE = 0.05
"""What must differ from the template without registration, as 1 - correlation: noise is no pose. At any angle 0.25 to
0.45 differs, in aligned products 0.02 to 0.05."""

LEAST_TURN = 10.0
"""Degrees by which a tenth of the products must be turned away from the rest: below it, a turn may be a defect."""

LEAST_SHIFT = 0.1
"""Standard deviation of the centroid, as a fraction of the product's radius, below which a shift may be a defect."""

MARGIN = 1.08
"""Side of the registered image over the diameter of the largest product."""

LEAST_FOUND = 0.95
"""Fraction of the good images in which the product must stand out and lie free of the image's border."""

FEWEST_IMAGES = 10
"""Good images below which nothing is said about poses."""

Descriptor = NDArray[np.float64]


@dataclass(frozen=True)
class Placement:
    """Where a product lies in an image.

    Attributes:
        x: Centroid, fraction of the image's longer side from the left edge.
        y: The same from the upper edge.
        radius: From the centroid to the farthest point, fraction of the longer side.
        degrees: By how much it is turned against the template, clockwise, -180..180.
    """

    x: float
    y: float
    radius: float
    degrees: float = 0.0


@dataclass(frozen=True, eq=False)
class Registration:
    """A line whose product lies anywhere, maybe at any angle.

    Attributes:
        template: Mean polar description of the product in its canonical pose, float64 (RINGS, ANGLES), of length 1;
            None where products are shifted, not turned.
        radius: Radius of the largest product, fraction of the image's longer side.
    """

    template: Descriptor | None
    radius: float

    @property
    def poses(self) -> str:
        """How products lie, in words."""
        return "shifted" if self.template is None else "at any angle"

    def place(self, image: NDArray[np.uint8]) -> Placement | None:
        """Find the product in an image, uint8 (H, W, 3); None where none stands out from the background."""
        found = _locate(image)
        if found is None:
            return None
        placement, contrast = found
        if self.template is None:
            return placement
        turn = _best_turn(self.template, _describe(contrast, placement, self.radius))[0]
        return Placement(placement.x, placement.y, placement.radius, (turn + 180.0) % 360.0 - 180.0)

    def register(self, image: NDArray[np.uint8], placement: Placement | None) -> NDArray[np.uint8]:
        """Cut the product out in its canonical pose, uint8 (S, S, 3); beyond the image its edge is repeated."""
        image = working_image(image)
        matrix, side = self._to_image(image.shape[0], image.shape[1], placement)
        padded, offset = _padded(image, matrix, side)
        moved = (matrix[0], matrix[1], matrix[2] + offset[1], matrix[3], matrix[4], matrix[5] + offset[0])
        turned = Image.fromarray(padded).transform(
            (side, side), Image.Transform.AFFINE, moved, Image.Resampling.BICUBIC
        )
        return np.asarray(turned)

    def restore(
        self, values: NDArray[np.float32], height: int, width: int, placement: Placement | None
    ) -> NDArray[np.float32]:
        """Bring a map over a registered image, float32 (S, S), back to the image (height, width); 0 outside of it."""
        rows, columns = working_size(height, width)
        a, b, c, d, e, f = self._to_image(rows, columns, placement)[0]
        # The matrix turns and shifts only, so its inverse is its transpose; pixels of a large image are finer.
        down, across = rows / height, columns / width
        inverse = (
            a * across,
            d * down,
            -(a * c + d * f),
            b * across,
            e * down,
            -(b * c + e * f),
        )
        restored = Image.fromarray(values.astype(np.float32)).transform(
            (width, height), Image.Transform.AFFINE, inverse, Image.Resampling.BILINEAR
        )
        return np.asarray(restored)

    def _to_image(
        self, height: int, width: int, placement: Placement | None
    ) -> tuple[tuple[float, float, float, float, float, float], int]:
        """Matrix from a registered pixel to one of the image, and the side of the registered image in pixels."""
        longer = max(height, width)
        where = placement or Placement(width / 2 / longer, height / 2 / longer, self.radius)
        side = max(2, round(2 * MARGIN * self.radius * longer))
        cosine, sine = math.cos(math.radians(where.degrees)), math.sin(math.radians(where.degrees))
        x, y, half = where.x * longer, where.y * longer, side / 2
        return (
            (cosine, -sine, x - half * (cosine - sine), sine, cosine, y - half * (sine + cosine)),
            side,
        )

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """For a file of tensors: `from_arrays` reads it."""
        template = {} if self.template is None else {"template": self.template}
        return {"radius": np.array([self.radius]), **template}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.float64]]) -> Self:
        """Rebuild what `arrays` gave."""
        return cls(arrays.get("template"), float(arrays["radius"][0]))


def fit_registration(images: Sequence[NDArray[np.uint8]]) -> Registration | None:
    """Find out from good images whether the product is aligned, shifted or at any angle.

    Args:
        images: Good images of a line, uint8 (H, W, 3) each.

    Returns:
        None where products are aligned or show no angle, where more than a few reach the image's border or do not
        stand out from an even background, or where there are fewer than `FEWEST_IMAGES`.
    """
    if len(images) < FEWEST_IMAGES:
        return None
    whole = []
    for seen, image in enumerate(images, start=1):
        if (found := _locate(image)) is not None:
            whole.append(found)
        if seen - len(whole) > (1 - LEAST_FOUND) * len(images):
            return None
    placements = [placement for placement, _ in whole]
    radius = float(np.median([placement.radius for placement in placements]))
    largest = max(placement.radius for placement in placements)
    own = np.stack([_describe(contrast, placement, radius) for placement, contrast in whole])
    template, turns = _align(own)
    turned = _differing(own, None)
    aligned = _differing(own, turns)
    if turned > max(LEAST_DIFFERENCE, LEAST_GAIN * aligned) and _spread(turns) > LEAST_TURN:
        return Registration(_canonical(template), largest)
    middle = Placement(
        float(np.median([placement.x for placement in placements])),
        float(np.median([placement.y for placement in placements])),
        radius,
    )
    fixed = np.stack([_describe(contrast, middle, radius) for _, contrast in whole])
    moves = np.std([(placement.x, placement.y) for placement in placements], axis=0).max()
    if _differing(fixed, None) > max(LEAST_DIFFERENCE, LEAST_GAIN * turned) and moves > LEAST_SHIFT * radius:
        return Registration(None, largest)
    return None


def _locate(image: NDArray[np.uint8]) -> tuple[Placement, NDArray[np.float64]] | None:
    """Place of the product and its contrast to the background, (h, w); None where none stands out and lies free."""
    distance = border_distance(image)
    if distance is None:
        return None
    mask = foreground_of(distance)
    if not mask.any() or _touches_border(mask):
        return None
    rows, columns = np.nonzero(mask)
    y, x = float(rows.mean()), float(columns.mean())
    radius = float(np.hypot(rows - y, columns - x).max())
    longer = max(mask.shape)
    # Pixel centres: the middle of pixel 0 lies half a pixel from the edge.
    return Placement((x + 0.5) / longer, (y + 0.5) / longer, (radius + 0.5) / longer), np.where(mask, distance, 0.0)


def _touches_border(mask: NDArray[np.bool_]) -> bool:
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


def _describe(contrast: NDArray[np.float64], placement: Placement, radius: float) -> Descriptor:
    """Contrast around a centroid in polar coordinates, of mean 0 and length 1, float64 (RINGS, ANGLES)."""
    longer = max(contrast.shape)
    rings = (np.arange(RINGS) + 0.5) / RINGS * radius * longer
    angles = np.arange(ANGLES) * (2 * math.pi / ANGLES)
    rows = placement.y * longer - 0.5 + rings[:, None] * np.sin(angles)
    columns = placement.x * longer - 0.5 + rings[:, None] * np.cos(angles)
    values = ndimage.map_coordinates(contrast, [rows, columns], order=1, mode="constant")
    # A ring counts by its area.
    area = rings[:, None] / rings.mean()
    values = (values - (values * area).mean()) * np.sqrt(area)
    return np.asarray(values / max(float(np.linalg.norm(values)), 1e-12))


def _best_turn(template: Descriptor, description: Descriptor) -> tuple[float, float]:
    """Degrees, clockwise, by which a description is turned against the template, and their correlation, -1..1."""
    spectrum = np.conj(np.fft.rfft(template, axis=1)) * np.fft.rfft(description, axis=1)
    correlation = np.fft.irfft(spectrum.sum(axis=0), ANGLES)
    best = int(correlation.argmax())
    before, peak, after = correlation[best - 1], correlation[best], correlation[(best + 1) % ANGLES]
    bend = before - 2 * peak + after
    fraction = 0.5 * (before - after) / bend if bend < 0 else 0.0
    return (best + fraction) * 360.0 / ANGLES, float(peak)


def _align(descriptions: NDArray[np.float64]) -> tuple[Descriptor, NDArray[np.float64]]:
    """A template of all descriptions, (N, RINGS, ANGLES), and by how many degrees each is turned against it, (N,)."""
    template = descriptions[0]
    turns = np.zeros(len(descriptions))
    for _ in range(ROUNDS):
        turns = np.array([_best_turn(template, description)[0] for description in descriptions])
        mean = np.mean(_turned_back(descriptions, turns), axis=0)
        template = mean / np.linalg.norm(mean)
    return template, turns


def _turned_back(descriptions: NDArray[np.float64], turns: NDArray[np.float64]) -> list[Descriptor]:
    steps = np.round(turns * ANGLES / 360.0).astype(int)
    return [np.roll(description, -step, axis=1) for description, step in zip(descriptions, steps, strict=True)]


def _differing(descriptions: NDArray[np.float64], turns: NDArray[np.float64] | None) -> float:
    """Median of 1 - correlation with the mean of all, 0..2, after turning each back."""
    aligned = np.stack(_turned_back(descriptions, np.zeros(len(descriptions)) if turns is None else turns))
    mean = aligned.mean(axis=0)
    mean /= max(float(np.linalg.norm(mean)), 1e-12)
    return float(np.median(1 - (aligned * mean).sum(axis=(1, 2))))


def _spread(turns: NDArray[np.float64]) -> float:
    """Degrees by which the tenth that lies farthest is turned away from the commonest pose."""
    differences = np.abs((turns[:, None] - turns[None, :] + 180.0) % 360.0 - 180.0)
    commonest = int(np.median(differences, axis=1).argmin())
    return float(np.quantile(differences[commonest], 0.9))


def _canonical(template: Descriptor) -> Descriptor:
    """Turn a template so that the product's longer axis lies level: its box is then as small as it gets."""
    angles = np.arange(ANGLES) * (2 * math.pi / ANGLES)
    second = complex((template * np.exp(2j * angles)).sum())
    return np.asarray(np.roll(template, -round(math.degrees(np.angle(second)) / 2 * ANGLES / 360), axis=1))


def _padded(
    image: NDArray[np.uint8], matrix: tuple[float, float, float, float, float, float], side: int
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Repeat the image's edge as far as the registered image reaches beyond it; with the (rows, columns) added."""
    a, b, c, d, e, f = matrix
    corners = [(a * u + b * v + c, d * u + e * v + f) for u in (0, side) for v in (0, side)]
    height, width = image.shape[:2]
    left = max(0, math.ceil(2 - min(x for x, _ in corners)))
    top = max(0, math.ceil(2 - min(y for _, y in corners)))
    right = max(0, math.ceil(max(x for x, _ in corners) + 2 - width))
    bottom = max(0, math.ceil(max(y for _, y in corners) + 2 - height))
    return np.pad(image, ((top, bottom), (left, right), (0, 0)), mode="edge"), (top, left)
