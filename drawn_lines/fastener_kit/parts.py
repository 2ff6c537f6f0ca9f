"""Geometry of the fasteners, in centimetres, as plain arrays; no Blender here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TURN = 2 * np.pi
PITCH = 0.15
CORE_RADIUS = 0.245
THREAD_DEPTH = 0.09
HEAD_RADIUS = 0.56
HEAD_HEIGHT = 0.40
WASHER_OUTER = 1.0
WASHER_INNER = 0.44
WASHER_HEIGHT = 0.15
NUT_FLAT = 0.68
NUT_HEIGHT = 0.58
NUT_HOLE = 0.335


@dataclass(frozen=True)
class Fracture:
    """A missing sector of a washer or a nut.

    Attributes:
        start: Angle where the missing sector begins, radians.
        width: Its opening, radians.
        seed: Seed of the jagged fracture faces.
    """

    start: float
    width: float
    seed: int


@dataclass(frozen=True)
class Bend:
    """A bend of a screw in the plane it lies in.

    Attributes:
        start: Distance from the head where the bend begins.
        arc: Length over which the axis turns.
        angle: Angle turned, radians, signed.
    """

    start: float
    arc: float
    angle: float


@dataclass(frozen=True)
class PartMesh:
    """Vertices (N, 3), faces, and the number of leading faces that are machined surface (the rest is fracture)."""

    vertices: np.ndarray
    faces: list[tuple[int, ...]]
    machined_faces: int


def washer(fracture: Fracture | None = None) -> PartMesh:
    """Build a flat washer with one rounded and one sharp edge, lying on z = 0."""
    profile = [
        (WASHER_INNER, 0.012),
        (WASHER_INNER, WASHER_HEIGHT - 0.03),
        (WASHER_INNER + 0.02, WASHER_HEIGHT - 0.008),
    ]
    profile += [(WASHER_INNER + 0.045, WASHER_HEIGHT), (WASHER_OUTER - 0.085, WASHER_HEIGHT)]
    for angle in np.linspace(75, 0, 6):
        turn = np.radians(angle)
        profile.append((WASHER_OUTER - 0.07 + 0.07 * np.cos(turn), WASHER_HEIGHT - 0.07 + 0.07 * np.sin(turn)))
    profile += [(WASHER_OUTER, 0.012), (WASHER_OUTER - 0.012, 0.0), (WASHER_INNER + 0.012, 0.0)]
    theta = _angles(96, fracture)
    radius, height = np.asarray(profile).T
    rings = np.stack(
        [
            radius * np.cos(theta)[:, None],
            radius * np.sin(theta)[:, None],
            np.broadcast_to(height, (len(theta), len(radius))),
        ],
        axis=-1,
    )
    return _sweep(rings, fracture)


def nut(fracture: Fracture | None = None) -> PartMesh:
    """Build a hexagon nut with chamfered corners and a threaded hole, lying on z = 0."""
    theta = _angles(96, fracture)
    sector = (theta + TURN / 12) % (TURN / 6) - TURN / 12
    hexagon = NUT_FLAT / np.cos(sector)
    chamfer_radius = 0.965 * NUT_FLAT
    drop = (hexagon - chamfer_radius) * np.tan(np.radians(32))
    columns: list[tuple[np.ndarray, np.ndarray]] = []

    def add(radius: float | np.ndarray, height: float | np.ndarray) -> None:
        columns.append((np.broadcast_to(radius, theta.shape), np.broadcast_to(height, theta.shape)))

    heights = np.linspace(0.07, NUT_HEIGHT - 0.07, 37)
    for height in heights:
        wave = np.abs(((height / PITCH - theta / TURN) % 1.0) * 2 - 1)
        fade = min(1.0, (height - 0.05) / 0.06, (NUT_HEIGHT - 0.05 - height) / 0.06)
        add(NUT_HOLE - 0.06 * fade * np.clip(1.4 * wave - 0.2, 0, 1), height)
    add(NUT_HOLE + 0.06, NUT_HEIGHT)
    add(0.5 * (NUT_HOLE + chamfer_radius), NUT_HEIGHT)
    add(chamfer_radius, NUT_HEIGHT)
    add(hexagon, NUT_HEIGHT - drop)
    add(hexagon, drop)
    add(chamfer_radius, 0.0)
    add(NUT_HOLE + 0.06, 0.0)
    radius = np.stack([column[0] for column in columns], axis=1)
    height = np.stack([column[1] for column in columns], axis=1)
    rings = np.stack([radius * np.cos(theta)[:, None], radius * np.sin(theta)[:, None], height], axis=-1)
    return _sweep(rings, fracture)


def screw(length: float, bend: Bend | None = None) -> PartMesh:
    """Build a pan-head screw along +x, the head's underside at x = 0, its axis at y = z = 0."""
    theta = np.linspace(0, TURN, 48, endpoint=False)
    rings: list[np.ndarray] = []

    def add(radius: float | np.ndarray, along: float | np.ndarray) -> None:
        along = np.broadcast_to(along, theta.shape)
        rings.append(np.stack([along, radius * np.cos(theta), radius * np.sin(theta)], axis=-1))

    for share in np.linspace(0.02, 1, 18):
        radius = share * 0.62 * HEAD_RADIUS
        add(radius, -_dome(radius) + _recess(radius, theta))
    for radius in np.linspace(0.65, 0.96, 9) * HEAD_RADIUS:
        add(radius, -_dome(radius))
    for along in (-0.14, -0.05):
        add(HEAD_RADIUS, along)
    add(HEAD_RADIUS - 0.02, 0.0)
    add(CORE_RADIUS + 0.05, 0.0)
    for along in np.arange(0.03, length, PITCH / 9):
        wave = np.abs(((along / PITCH - theta / TURN) % 1.0) * 2 - 1)
        depth = THREAD_DEPTH * min(1.0, 0.25 + along / 0.25)
        radius = CORE_RADIUS + depth * np.clip(1.35 * wave - 0.15, 0, 1)
        add(np.minimum(radius, 0.78 * CORE_RADIUS + 0.9 * (length - along)), along)
    add(0.7 * CORE_RADIUS, length)
    add(0.02, length + 0.005)
    grid = np.stack(rings)
    if bend is not None:
        grid = _bent(grid, bend)
    return _sweep(grid.transpose(1, 0, 2), None, wrap_profile=False)


def bent_axis(along: np.ndarray, bend: Bend) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x and y of the bent axis and its direction angle at distances `along` from the head."""
    steps = np.linspace(0, max(float(along.max()), 0.01), 400)
    turned = bend.angle * np.clip((steps - bend.start) / bend.arc, 0, 1)
    x = np.concatenate([[0], np.cumsum(np.cos(turned[1:]) * np.diff(steps))])
    y = np.concatenate([[0], np.cumsum(np.sin(turned[1:]) * np.diff(steps))])
    behind = np.minimum(along, 0)
    return np.interp(along, steps, x) + behind, np.interp(along, steps, y), np.interp(along, steps, turned)


def _bent(grid: np.ndarray, bend: Bend) -> np.ndarray:
    x, y, angle = bent_axis(grid[..., 0].ravel(), bend)
    shape = grid.shape[:-1]
    x, y, angle = x.reshape(shape), y.reshape(shape), angle.reshape(shape)
    side = grid[..., 1]
    return np.stack([x - side * np.sin(angle), y + side * np.cos(angle), grid[..., 2]], axis=-1)


def _dome(radius: float) -> float:
    share = radius / HEAD_RADIUS
    return 0.16 + (HEAD_HEIGHT - 0.16) * float(np.sqrt(max(0.0, 1 - share**2.6)))


def _recess(radius: float, theta: np.ndarray) -> np.ndarray:
    x, y = np.abs(radius * np.cos(theta)), np.abs(radius * np.sin(theta))
    inside = np.clip((0.085 - np.minimum(x, y)) / 0.03, 0, 1) * np.clip((0.31 - radius) / 0.03, 0, 1)
    return inside * (0.22 - 0.3 * radius)


def _angles(count: int, fracture: Fracture | None) -> np.ndarray:
    if fracture is None:
        return np.linspace(0, TURN, count, endpoint=False)
    return np.linspace(fracture.start + fracture.width, fracture.start + TURN, count)


def _sweep(rings: np.ndarray, fracture: Fracture | None, wrap_profile: bool = True) -> PartMesh:
    """Join profiles (A, P, 3) around the axis; with a fracture the sweep is open and gets two jagged faces."""
    angles, points, _ = rings.shape
    rings = rings.copy()
    if fracture is not None:
        rng = np.random.default_rng(fracture.seed)
        for end, inward in ((0, 1), (angles - 1, -1)):
            radius = np.hypot(rings[end, :, 0], rings[end, :, 1])
            wave = 0.10 * np.sin(radius * rng.uniform(9, 16) + rng.uniform(0, TURN)) + 0.16 * (
                radius - radius.mean()
            ) * rng.choice([-1, 1])
            for depth in range(4):
                turn = inward * np.abs(wave + rng.normal(0, 0.012, points)) * (1 - depth / 4)
                rings[end + inward * depth] = _turned(rings[end + inward * depth], turn)
    index = np.arange(angles * points).reshape(angles, points)
    spokes = angles if fracture is None else angles - 1
    profile_steps = points if wrap_profile else points - 1
    faces: list[tuple[int, ...]] = []
    for a in range(spokes):
        b = (a + 1) % angles
        for p in range(profile_steps):
            q = (p + 1) % points
            faces.append((index[a, p], index[b, p], index[b, q], index[a, q]))
    machined = len(faces)
    vertices = rings.reshape(-1, 3)
    if fracture is not None:
        for end in (0, angles - 1):
            centre = len(vertices)
            vertices = np.vstack([vertices, rings[end].mean(axis=0)])
            faces += [(centre, index[end, p], index[end, (p + 1) % points]) for p in range(points)]
    return PartMesh(vertices, [tuple(int(v) for v in face) for face in faces], machined)


def _turned(points: np.ndarray, angle: np.ndarray) -> np.ndarray:
    x, y = points[:, 0], points[:, 1]
    return np.stack(
        [x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle), points[:, 2]], axis=-1
    )
