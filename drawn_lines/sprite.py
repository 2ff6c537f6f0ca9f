"""Parts that are turned, lit and laid into a picture with a soft shadow."""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from drawn_lines.drawing import Floats, Mask
from drawn_lines.pen import FINE
from drawn_lines.surface import diffuse, glint, normals


@dataclass(frozen=True)
class Pose:
    """Where a part lies: its centre in pixels of the picture, its turn in degrees."""

    x: float
    y: float
    angle: float = 0.0


@dataclass(frozen=True)
class Shadow:
    """What a part throws towards the lower right.

    Attributes:
        strength: How much light it takes, 0..1.
        drop: How far down it falls, in pixels; to the right it is 0.7 of that.
        softness: Standard deviation of its edge, in pixels.
    """

    strength: float
    drop: float
    softness: float


@dataclass(frozen=True)
class Lit:
    """A part as the camera sees it.

    Attributes:
        colour: float64 (h, w, 3), 0..1.2.
        alpha: float64 (h, w), 0..1.
    """

    colour: Floats
    alpha: Floats


@dataclass(frozen=True)
class Sprite:
    """A part that is lit after it is turned: the light stays where it is.

    Attributes:
        colour: float64 (h, w, 3), 0..1, `FINE` times as fine as the picture, as are the next two.
        alpha: float64 (h, w), 0..1.
        height: float64 (h, w), in pixels of the picture.
        gloss: How much light it mirrors.
        shine: How small its highlights are.
    """

    colour: Floats
    alpha: Floats
    height: Floats
    gloss: float = 0.3
    shine: float = 20.0

    def mirrored(self) -> "Sprite":
        """Exchange left and right."""
        return Sprite(self.colour[:, ::-1], self.alpha[:, ::-1], self.height[:, ::-1], self.gloss, self.shine)

    def turned(self, angle: float) -> Lit:
        """Turn it by some degrees, counterclockwise, and light it."""
        alpha = np.clip(_turned(self.alpha, angle), 0, 1)
        weight = np.maximum(alpha, 1e-3)
        channels = [_turned(self.colour[..., channel] * self.alpha, angle) / weight for channel in range(3)]
        normal = normals(ndimage.gaussian_filter(_turned(self.height, angle), 0.7))
        lit = np.stack(channels, -1) * (0.45 + 0.75 * diffuse(normal))[..., None]
        return Lit(np.clip(lit + self.gloss * glint(normal, self.shine)[..., None], 0, 1.2), alpha)


def lay(image: Floats, sprite: Sprite, pose: Pose, shadow: Shadow) -> Mask:
    """Turn, light and paste a part into an image (H, W, 3), in place; returns where it lies, bool (H, W)."""
    return paste(image, sprite.turned(pose.angle), pose, shadow)


def place_of(sprite: Sprite, pose: Pose, shape: tuple[int, int]) -> Mask:
    """Where a part would lie in a picture of some shape: bool (H, W)."""
    return paste(np.zeros((*shape, 3)), sprite.turned(pose.angle), pose, Shadow(0, 0, 0))


def paste(image: Floats, lit: Lit, pose: Pose, shadow: Shadow) -> Mask:
    """Paste a lit part into an image, in place; what lies outside is cut off.

    Args:
        image: float64 (H, W, 3).
        lit: The part.
        pose: Where its centre comes to lie; its angle is in `lit` already.
        shadow: What it throws.

    Returns:
        bool (H, W), where the part lies; its shadow is no part of it.
    """
    padding = int(shadow.drop + 3 * shadow.softness) + 2
    alpha = np.pad(lit.alpha, padding)
    colour = np.pad(lit.colour, ((padding, padding), (padding, padding), (0, 0)))
    fallen = ndimage.shift(alpha, (shadow.drop, shadow.drop * 0.7), order=1)
    shade = ndimage.gaussian_filter(fallen, shadow.softness) * shadow.strength
    part_height, part_width = lit.alpha.shape
    top = round(pose.y - part_height / 2) - padding
    left = round(pose.x - part_width / 2) - padding
    height, width = image.shape[:2]
    rows = slice(max(0, top), max(0, min(height, top + alpha.shape[0])))
    columns = slice(max(0, left), max(0, min(width, left + alpha.shape[1])))
    inside = (slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left))
    covered = alpha[inside][..., None]
    ground = image[rows, columns] * (1 - shade[inside][..., None])
    image[rows, columns] = ground * (1 - covered) + colour[inside] * covered
    place = np.zeros((height, width), bool)
    place[rows, columns] = alpha[inside] > 0.5
    return place


def _turned(layer: Floats, angle: float) -> Floats:
    """Turn one layer of a sprite and reduce it to pixels of the picture."""
    fine = Image.fromarray(layer.astype(np.float32)).rotate(angle, Image.Resampling.BICUBIC, expand=True)
    size = (max(2, round(fine.width / FINE)), max(2, round(fine.height / FINE)))
    return np.asarray(fine.resize(size, Image.Resampling.BOX), np.float64)
