"""Meals: two tangerines and a nectarine on the left; on the right, cereal above almonds and banana chips."""

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from drawn_lines.blemish import stain
from drawn_lines.camera import Camera
from drawn_lines.drawing import Drawing, DrawnLine, Floats, Mask
from drawn_lines.filling import fill
from drawn_lines.fruit import fruit, places, smaller
from drawn_lines.pen import Pen
from drawn_lines.sprite import Pose, Shadow, Sprite, lay, paste
from drawn_lines.surface import blend, box, diffuse, dome, noise, normals, plain

SHAPE = (560, 760)
RIM = (slice(14, 546), slice(10, 750))
LEFT = (slice(36, 524), slice(30, 350))
RIGHT = (slice(36, 524), slice(370, 730))
FRUIT_GROUND = (slice(50, 510), slice(45, 335))
"""Where a missing fruit might lie."""
KINDS = ("tangerine", "tangerine", "nectarine")
WRONG_KINDS = (("tangerine", "tangerine", "tangerine"), ("tangerine", "nectarine", "nectarine"))
LEVEL = 320
"""Row where the cereal ends."""
FRUIT_SHADOW = Shadow(0.55, 14, 9)
BRUISE = (0.22, 0.13, 0.06)


def draw(rng: Generator, odd: Generator, kind: str | None) -> Drawing:
    """Draw a packed meal; see `DrawnLine.draw`."""
    image, shade = _box(rng)
    mask = _lay_fruit(image, rng, odd, kind)
    level = usual = LEVEL + rng.normal(0, 8)
    if kind == "ratio wrong":
        level += odd.choice([-1, 1]) * odd.uniform(70, 130)
        upper, lower = sorted((usual, level))
        mask |= box(SHAPE, slice(int(upper), int(lower)), RIGHT[1])
    fill(image, shade, RIGHT, level, rng)
    if kind == "swapped":
        image[RIGHT] = image[RIGHT][::-1].copy()
        mask |= box(SHAPE, *RIGHT)
    if kind == "foreign object":
        mask |= _lay_foreign_object(image, odd)
    return Drawing(image, mask)


def _lay_fruit(image: Floats, rng: Generator, odd: Generator, kind: str | None) -> Mask:
    """Put the fruit into the left compartment of an image (H, W, 3), in place; returns the mask, bool (H, W)."""
    mask = np.zeros(SHAPE, bool)
    order, spots, looks = rng.permutation(len(KINDS)), places(rng, len(KINDS)), rng.spawn(len(KINDS))
    kinds = [KINDS[index] for index in order]
    shown = list(kinds)
    bad = int(odd.integers(len(KINDS)))
    if kind == "fruit missing":
        mask |= box(SHAPE, *FRUIT_GROUND)
    if kind == "wrong kind":
        wrong = WRONG_KINDS[int(odd.integers(len(WRONG_KINDS)))]
        shown = [wrong[index] for index in order]
    if kind == "extra fruit":
        shown.append(kinds[bad])
        looks.append(odd.spawn(1)[0])
        spots = places(odd, len(shown))
    for index, (name, (x, y), look) in enumerate(zip(shown, spots, looks, strict=True)):
        lit, radius = fruit(look, name)
        if kind == "extra fruit":
            lit = smaller(lit)
        if kind == "fruit missing" and index == bad:
            continue
        place = paste(image, lit, Pose(x, y), FRUIT_SHADOW)
        if kind in ("extra fruit", "wrong kind"):
            mask |= place
        if kind == "bruised fruit" and index == bad:
            bruise_x, bruise_y = x + odd.uniform(-0.35, 0.35) * radius, y + odd.uniform(-0.35, 0.35) * radius
            mask |= stain(image, odd, bruise_x, bruise_y, odd.uniform(14, 26), BRUISE, 0.7) & place
    return mask


def _lay_foreign_object(image: Floats, odd: Generator) -> Mask:
    """Drop a blue or green cap or a splinter of metal on an image (H, W, 3), in place; returns where, bool (H, W)."""
    left, right = (400, 700) if odd.random() < 0.6 else (70, 310)
    pose = Pose(odd.uniform(left, right), odd.uniform(70, 490), odd.uniform(0, 360))
    material = int(odd.integers(3))
    pen = Pen(44, 26)
    if material == 1:
        pen.polygon([(4, 20), (22, 4), (40, 16), (26, 24)])
    else:
        pen.rectangle((3, 5, 41, 21), radius=7)
    alpha = pen.fine()
    colour = ((0.2, 0.35, 0.75), (0.75, 0.75, 0.78), (0.1, 0.5, 0.25))[material]
    return lay(image, Sprite(plain(colour, alpha), alpha, dome(alpha, 6), 0.4, 25), pose, Shadow(0.4, 4, 3))


def _box(rng: Generator) -> tuple[Floats, Floats]:
    """The empty box on a dark table, float64 (H, W, 3), and how its walls shade the ground, float64 (H, W), 0..1."""
    table = np.array([0.13, 0.13, 0.14]) * (1 + 0.05 * noise(SHAPE, 90, rng))[..., None]
    height = box(SHAPE, *RIM) * 16.0
    for compartment in (LEFT, RIGHT):
        height[compartment] = 0
    height = ndimage.gaussian_filter(height, 3.2)
    walls = (height > 6).astype(float)
    fallen = ndimage.shift(ndimage.gaussian_filter(walls, 7), (14, 11), order=1)
    shade = np.clip(fallen - walls, 0, 1)
    tray = np.array([0.86, 0.85, 0.82]) * (0.4 + 0.8 * diffuse(normals(height)))[..., None]
    tray *= (1 - 0.45 * shade)[..., None]
    return blend(table, tray, ndimage.gaussian_filter(box(SHAPE, *RIM).astype(float), 1)), shade


LINE = DrawnLine(
    ("fruit missing", "extra fruit", "wrong kind", "ratio wrong", "swapped"),
    ("foreign object", "bruised fruit"),
    Camera(),
    draw,
)
