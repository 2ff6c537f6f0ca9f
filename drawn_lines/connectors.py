"""Connectors: two clamps of 2, 3 or 5 levers on a mesh, joined by the cable whose colour goes with their number."""

from collections.abc import Iterable

import numpy as np
from numpy.random import Generator

from drawn_lines.cable import Cable, paint, path
from drawn_lines.camera import Camera
from drawn_lines.clamp import SLOT_X, clamp, height_of, slot_y
from drawn_lines.drawing import Drawing, DrawnLine, Floats
from drawn_lines.sprite import Pose, Shadow, lay, place_of
from drawn_lines.surface import box, noise

SHAPE = (420, 780)
COLOURS = {2: (0.88, 0.75, 0.12), 3: (0.12, 0.25, 0.70), 5: (0.75, 0.10, 0.08)}
"""Colour of the cable, for clamps of so many levers."""
SHADOW = Shadow(0.5, 8, 5)
BETWEEN = (slice(40, -40), slice(180, -180))
THREAD = 7.0
"""Distance of the mesh's threads in pixels."""


def draw(rng: Generator, odd: Generator, kind: str | None) -> Drawing:
    """Draw two clamps and their cable; see `DrawnLine.draw`."""
    image, mask = _mesh(rng), np.zeros(SHAPE, bool)
    levers = int(rng.choice(list(COLOURS)))
    odd_side = int(odd.integers(2))
    counts, colour = [levers, levers], COLOURS[levers]
    if kind == "wrong number of levers":
        counts[odd_side] = _another(odd, COLOURS, levers)
    if kind == "wrong cable colour":
        colour = COLOURS[_another(odd, COLOURS, levers)]
    slot = int(rng.random() * min(counts))
    slots = [slot, slot]
    if kind == "wrong slot":
        slots[odd_side] = _another(odd, range(levers), slot)
    poses = [Pose(x + rng.normal(0, 4), SHAPE[0] / 2 + rng.normal(0, 6), rng.normal(0, 1)) for x in (105, 675)]
    for side, own in enumerate(rng.spawn(2)):
        flawed = kind == "broken lever" and side == odd_side
        broken = int(odd.integers(counts[side])) if flawed else None
        place = lay(image, clamp(own, odd, counts[side], side, broken), poses[side], SHADOW)
        if side == odd_side and kind in ("wrong number of levers", "broken lever"):
            mask |= place | place_of(clamp(odd, odd, levers, side), poses[side], SHAPE)
    bend, look = rng.random(4), rng.spawn(1)[0]
    right_path = path(_ends(poses, counts, [slot, slot]), bend, SHAPE)
    right_place = Cable.whole(right_path, SHAPE).place
    if kind == "missing cable":
        return Drawing(image, box(SHAPE, *BETWEEN) | right_place)
    if kind == "cut cable":
        cable = Cable.cut(right_path, SHAPE, odd)
        mask |= cable.gap
    else:
        cable = Cable.whole(path(_ends(poses, counts, slots), bend, SHAPE), SHAPE)
    paint(image, cable, colour, look)
    if kind in ("wrong slot", "wrong cable colour"):
        mask |= cable.place | right_place
    return Drawing(image, mask)


def _another(odd: Generator, choices: Iterable[int], right: int) -> int:
    """Any but the right one."""
    return int(odd.choice([choice for choice in choices if choice != right]))


def _ends(poses: list[Pose], counts: list[int], slots: list[int]) -> Floats:
    """Where the cable enters the clamps: float64 (2, 2), x and y of the left and the right end."""
    found = []
    for pose, count, slot, inwards in zip(poses, counts, slots, (1, -1), strict=True):
        found.append((pose.x + inwards * SLOT_X, pose.y - height_of(count) / 2 + slot_y(slot)))
    return np.array(found)


def _mesh(rng: Generator) -> Floats:
    """The woven ground: float64 (H, W, 3)."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    columns += 3 * noise(SHAPE, 120, rng)
    rows += 3 * noise(SHAPE, 120, rng)
    warp = np.cos(2 * np.pi * (columns + rng.uniform(0, THREAD)) / THREAD)
    weft = np.cos(2 * np.pi * (rows + rng.uniform(0, THREAD)) / THREAD)
    weave = np.maximum(warp, weft) + 0.25 * warp * weft
    tone = 0.80 + 0.17 * weave + 0.04 * rng.normal(size=SHAPE) + 0.05 * noise(SHAPE, 80, rng)
    return np.array([0.62, 0.63, 0.62]) * tone[..., None]


LINE = DrawnLine(
    ("wrong slot", "wrong number of levers", "wrong cable colour", "missing cable"),
    ("broken lever", "cut cable"),
    Camera(noise=0.02),
    draw,
)
