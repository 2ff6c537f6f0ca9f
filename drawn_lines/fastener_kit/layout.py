"""What lies in the tray and where: kinds, footprints, random placement without overlap."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from parts import HEAD_HEIGHT, HEAD_RADIUS, NUT_FLAT, WASHER_OUTER, Bend, Fracture, bent_axis

KINDS = ("washer", "nut", "long_screw", "short_screw")
KIND_IDS = {kind: number for number, kind in enumerate(KINDS, start=1)}
SCREW_LENGTHS = {"long_screw": 4.7, "short_screw": 2.2, "medium_screw": 3.5}
USUAL_FINISH = {
    "washer": "zinc",
    "nut": "brass",
    "long_screw": "steel",
    "short_screw": "steel",
    "medium_screw": "steel",
}
TRAY_HALF = 4.75
SHANK_RADIUS = 0.34


@dataclass(frozen=True)
class Part:
    """One fastener of a kit.

    Attributes:
        kind: One of `KINDS`, or `medium_screw` in a defective kit.
        finish: Name of its metal finish.
        x: Position on the tray floor, centimetres.
        y: Position on the tray floor, centimetres.
        heading: Rotation about the vertical, radians.
        roll: Rotation of a screw about its axis, radians.
        tilt: Tilt of a washer or nut in x and y, radians.
        bend: Bend of a screw, if any.
        fracture: Missing sector of a washer or nut, if any.
    """

    kind: str
    finish: str
    x: float = 0.0
    y: float = 0.0
    heading: float = 0.0
    roll: float = 0.0
    tilt: tuple[float, float] = (0.0, 0.0)
    bend: Bend | None = None
    fracture: Fracture | None = None


@dataclass(frozen=True)
class Kit:
    """The parts of one image and the seed of its light, camera and surfaces."""

    parts: tuple[Part, ...]
    look_seed: int = field(default=0)


def complete_kit() -> list[Part]:
    """Return the parts of a good kit, not yet placed."""
    kinds = ("long_screw", "short_screw", "washer", "washer", "nut", "nut")
    return [Part(kind, USUAL_FINISH[kind]) for kind in kinds]


def is_screw(part: Part) -> bool:
    """Say whether a part is a screw of any length."""
    return part.kind in SCREW_LENGTHS


def placed(parts: list[Part], rng: np.random.Generator) -> tuple[Part, ...]:
    """Place parts at random, free of overlap and inside the tray; the order of the parts is kept.

    Raises:
        RuntimeError: No free place was found in many attempts.
    """
    order = sorted(range(len(parts)), key=lambda number: -len(_footprint(parts[number])[0]))
    for _ in range(200):
        done: dict[int, Part] = {}
        taken: list[tuple[np.ndarray, np.ndarray]] = []
        for number in order:
            candidate = _free_place(parts[number], taken, rng)
            if candidate is None:
                break
            done[number] = candidate
            taken.append(_footprint(candidate))
        if len(done) == len(parts):
            return tuple(done[number] for number in range(len(parts)))
    raise RuntimeError(f"no place found for {len(parts)} parts in a tray of half width {TRAY_HALF} cm; use fewer parts")


def _free_place(part: Part, taken: list[tuple[np.ndarray, np.ndarray]], rng: np.random.Generator) -> Part | None:
    for _ in range(300):
        candidate = replace(
            part,
            x=rng.uniform(-TRAY_HALF, TRAY_HALF),
            y=rng.uniform(-TRAY_HALF, TRAY_HALF),
            heading=rng.uniform(-np.pi, np.pi),
            roll=rng.uniform(-np.pi, np.pi),
            tilt=(rng.normal(0, 0.014), rng.normal(0, 0.014)),
        )
        centres, radii = _footprint(candidate)
        if np.any(np.abs(centres) + radii[:, None] > TRAY_HALF - 0.12):
            continue
        gap = rng.uniform(0.03, 0.3)
        if all(
            np.all(np.linalg.norm(centres[:, None] - other[None], axis=-1) > radii[:, None] + other_radii[None] + gap)
            for other, other_radii in taken
        ):
            return candidate
    return None


def _footprint(part: Part) -> tuple[np.ndarray, np.ndarray]:
    """Cover a part seen from above with circles: centres (N, 2) and radii (N,)."""
    if not is_screw(part):
        radius = WASHER_OUTER if part.kind == "washer" else NUT_FLAT / np.cos(np.pi / 6)
        return np.array([[part.x, part.y]]), np.array([radius])
    length = SCREW_LENGTHS[part.kind]
    along = np.concatenate([[-HEAD_HEIGHT, -0.1], np.linspace(0.2, length, 14)])
    bend = part.bend or Bend(start=0.0, arc=1.0, angle=0.0)
    x, y, _ = bent_axis(along, bend)
    x = x - 0.5 * length
    radii = np.concatenate([[0.7 * HEAD_RADIUS, HEAD_RADIUS], np.full(14, SHANK_RADIUS)])
    cos, sin = np.cos(part.heading), np.sin(part.heading)
    return np.stack([part.x + cos * x - sin * y, part.y + sin * x + cos * y], axis=-1), radii
