"""The Blender scene of one kit: tray, parts, light, camera; its photograph and its exact index map."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy
import materials
import numpy as np
import parts
from layout import SCREW_LENGTHS, TRAY_HALF, Kit, Part, is_screw
from materials import FINISHES, Overlay
from mathutils import Matrix, Vector
from PIL import Image

IMAGE_SIZE = 320
FLOOR_INDEX = 250
WALL_INDEX = 251
SAMPLES = 8
SUPERSAMPLING = 1.25
CAMERA_HEIGHT = 46.0
VIEW_WIDTH = 10.9


def build(kit: Kit, overlays: dict[int, Overlay] | None = None) -> None:
    """Fill an empty Blender file with a kit; part `n` of the kit has object index n + 1.

    Args:
        kit: The placed parts and the seed of light, camera and surfaces.
        overlays: Painted defects by part number.
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    rng = np.random.default_rng(kit.look_seed)
    _add_camera(rng)
    _add_light(rng)
    _add_tray(rng)
    for number, part in enumerate(kit.parts):
        metal = materials.metal(FINISHES[part.finish], rng, (overlays or {}).get(number))
        _add_part(part, metal, number + 1)


def photograph(threads: int, samples: int = SAMPLES) -> np.ndarray:
    """Render the scene as a camera would see it: (H, W, 3) uint8."""
    scene = bpy.context.scene
    cycles = _prepare(scene, threads, samples)
    scene.render.resolution_x = scene.render.resolution_y = int(IMAGE_SIZE * SUPERSAMPLING)
    cycles.use_denoising = True
    cycles.denoiser = "OPENIMAGEDENOISE"
    cycles.denoising_quality, cycles.denoising_prefilter = "BALANCED", "FAST"
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 3, 0, 3
    cycles.use_light_tree = False
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look = "AgX - High Contrast"
    scene.view_settings.exposure = 0.35
    large = Image.fromarray(_rendered(scene))
    return np.asarray(large.resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.LANCZOS))


def index_map(threads: int) -> np.ndarray:
    """Render every pixel's object index: (H, W) uint8, without anti-aliasing."""
    scene = bpy.context.scene
    cycles = _prepare(scene, threads, 1)
    cycles.use_denoising = False
    cycles.max_bounces = 0
    cycles.filter_width = 0.01
    scene.view_settings.look, scene.view_settings.exposure = "None", 0.0
    scene.view_settings.view_transform = "Raw"
    scene.render.dither_intensity = 0
    layer = scene.view_layers[0]
    scene.world.cycles.sampling_method = "NONE"
    layer.material_override = materials.index_emission()
    pixels = _rendered(scene)[..., 0]
    layer.material_override = None
    scene.world.cycles.sampling_method = "MANUAL"
    cycles.filter_width = 1.5
    return pixels


def _prepare(scene: bpy.types.Scene, threads: int, samples: int) -> object:
    scene.render.engine = "CYCLES"
    scene.render.resolution_x = scene.render.resolution_y = IMAGE_SIZE
    scene.render.threads_mode, scene.render.threads = "FIXED", threads
    scene.render.image_settings.file_format = "PNG"
    scene.cycles.samples = samples
    scene.cycles.use_adaptive_sampling = False
    scene.cycles.seed = 0
    return scene.cycles


def _rendered(scene: bpy.types.Scene) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frame.png"
        scene.render.filepath = str(path)
        with _silence():
            bpy.ops.render.render(write_still=True)
        return np.asarray(Image.open(path).convert("RGB"))


@contextmanager
def _silence() -> Iterator[None]:
    """Drop what Blender's C code prints for every tile."""
    sys.stdout.flush()
    kept, sink = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(sink)


def _add_object(name: str, vertices: np.ndarray, faces: list[tuple[int, ...]], index: int) -> bpy.types.Object:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices.tolist(), [], faces)
    mesh.validate()
    thing = bpy.data.objects.new(name, mesh)
    thing.pass_index = index
    bpy.context.scene.collection.objects.link(thing)
    return thing


def _smooth(mesh: bpy.types.Mesh, sharp_degrees: float) -> None:
    mesh.shade_smooth()
    mesh.set_sharp_from_angle(angle=np.radians(sharp_degrees))


def _add_part(part: Part, metal: bpy.types.Material, index: int) -> None:
    if is_screw(part):
        mesh = parts.screw(SCREW_LENGTHS[part.kind], part.bend)
    else:
        mesh = {"washer": parts.washer, "nut": parts.nut}[part.kind](part.fracture)
    thing = _add_object(part.kind, mesh.vertices, mesh.faces, index)
    thing.data.materials.append(metal)
    if mesh.machined_faces < len(mesh.faces):
        thing.data.materials.append(materials.fracture_surface())
        for face in thing.data.polygons[mesh.machined_faces :]:
            face.material_index = 1
    _smooth(thing.data, 38)
    turn = Matrix.Rotation(part.heading, 4, "Z")
    if is_screw(part):
        length = SCREW_LENGTHS[part.kind]
        roll = Matrix.Rotation(part.roll, 4, "X") if part.bend is None else Matrix.Identity(4)
        lean = Matrix.Rotation(np.arctan2(parts.HEAD_RADIUS - 0.33, length), 4, "Y")
        lift = Matrix.Translation((part.x, part.y, parts.HEAD_RADIUS))
        thing.matrix_world = lift @ turn @ Matrix.Translation((-0.5 * length, 0, 0)) @ lean @ roll
    else:
        lean = Matrix.Rotation(part.tilt[0], 4, "X") @ Matrix.Rotation(part.tilt[1], 4, "Y")
        reach = max(abs(part.tilt[0]), abs(part.tilt[1]))
        thing.matrix_world = Matrix.Translation((part.x, part.y, reach)) @ lean @ turn


def _add_tray(rng: np.random.Generator) -> None:
    shade = np.array([0.075, 0.105, 0.145]) * rng.uniform(0.95, 1.06)
    plastic = materials.plastic(tuple(shade), rng)
    half = TRAY_HALF
    loop = _rounded_square(half, 0.9, 0.0)
    floor = _add_object(
        "floor",
        np.vstack([loop, [[0, 0, 0]]]),
        [(len(loop), n, (n + 1) % len(loop)) for n in range(len(loop))],
        FLOOR_INDEX,
    )
    floor.data.materials.append(plastic)
    profile = [(0.30 * np.sin(t), 0.30 * (1 - np.cos(t))) for t in np.linspace(0, np.pi / 2 - 0.12, 7)]
    profile += [
        (0.36, 0.72),
        (0.39, 0.78),
        (0.45, 0.80),
        (0.62, 0.80),
        (0.68, 0.77),
        (0.70, 0.70),
        (0.74, 0.0),
        (6.0, 0.0),
    ]
    rings = np.stack([_rounded_square(half + out, 0.9 + out, up) for out, up in profile])
    count = rings.shape[1]
    faces = [
        (r * count + n, r * count + (n + 1) % count, (r + 1) * count + (n + 1) % count, (r + 1) * count + n)
        for r in range(len(profile) - 1)
        for n in range(count)
    ]
    wall = _add_object("wall", rings.reshape(-1, 3), faces, WALL_INDEX)
    wall.data.materials.append(plastic)
    _smooth(wall.data, 60)


def _rounded_square(half: float, radius: float, height: float) -> np.ndarray:
    turn = np.linspace(0, np.pi / 2, 12)
    corners = []
    for quarter in range(4):
        angle = turn + quarter * np.pi / 2
        centre = (half - radius) * np.sqrt(2) * np.array([np.cos(angle[0] + np.pi / 4), np.sin(angle[0] + np.pi / 4)])
        corners.append(centre + radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1))
    flat = np.concatenate(corners)
    return np.column_stack([flat, np.full(len(flat), height)])


def _add_camera(rng: np.random.Generator) -> None:
    camera = bpy.data.cameras.new("camera")
    camera.sensor_width = 36.0
    camera.lens = 36.0 * CAMERA_HEIGHT / (VIEW_WIDTH * rng.uniform(0.985, 1.015))
    thing = bpy.data.objects.new("camera", camera)
    position = Vector((rng.normal(0, 1.0), rng.normal(0, 1.0), CAMERA_HEIGHT))
    target = Vector((rng.normal(0, 0.06), rng.normal(0, 0.06), 0.0))
    aim = target - position
    view = Matrix.Rotation(np.arctan2(aim.x, -aim.z), 4, "Y").inverted() @ Matrix.Rotation(
        np.arctan2(aim.y, -aim.z), 4, "X"
    )
    thing.matrix_world = Matrix.Translation(position) @ view @ Matrix.Rotation(rng.normal(0, 0.02), 4, "Z")
    bpy.context.scene.collection.objects.link(thing)
    bpy.context.scene.camera = thing


def _add_light(rng: np.random.Generator) -> None:
    light = bpy.data.lights.new("softbox", "AREA")
    light.shape, light.size, light.size_y = "RECTANGLE", 9.0, 6.5
    light.energy = 10500 * rng.uniform(0.9, 1.12)
    light.color = (1.0, rng.uniform(0.95, 0.99), rng.uniform(0.88, 0.96))
    angle = np.radians(125) + rng.normal(0, 0.12)
    position = Vector((22 * np.cos(angle), 22 * np.sin(angle), rng.uniform(27, 31)))
    thing = bpy.data.objects.new("softbox", light)
    thing.matrix_world = Matrix.Translation(position) @ (-position).to_track_quat("-Z", "Y").to_matrix().to_4x4()
    bpy.context.scene.collection.objects.link(thing)
    _add_world(rng)


def _add_world(rng: np.random.Generator) -> None:
    world = bpy.data.worlds.new("room")
    bpy.context.scene.world = world
    world.use_nodes = True
    world.cycles.sampling_method, world.cycles.sample_map_resolution = "MANUAL", 128
    nodes = world.node_tree.nodes
    pixels = _room(rng)
    image = bpy.data.images.new("room", pixels.shape[1], pixels.shape[0], float_buffer=True)
    image.pixels.foreach_set(pixels.ravel())
    image.pack()
    texture = nodes.new("ShaderNodeTexEnvironment")
    texture.image = image
    world.node_tree.links.new(texture.outputs[0], nodes["Background"].inputs[0])
    nodes["Background"].inputs[1].default_value = float(rng.uniform(0.9, 1.1))


def _room(rng: np.random.Generator) -> np.ndarray:
    """Paint the surroundings that metal reflects: (128, 256, 4) float32, bottom row = straight down."""
    height, width = 128, 256
    elevation = (np.arange(height)[:, None] + 0.5) / height * 180 - 90
    azimuth = (np.arange(width)[None] + 0.5) / width * 360
    light = 0.035 + 0.15 * np.clip(elevation / 90, 0, 1) + 0.06 * np.sin(np.radians(azimuth * 3 + rng.uniform(0, 360)))
    for centre, span, low, high, power in (
        (40, 26, 35, 62, 3.5),
        (205, 34, 28, 50, 2.2),
        (300, 14, 10, 40, 5.0),
        (120, 12, 48, 70, 4.0),
    ):
        away = np.abs((azimuth - centre - rng.normal(0, 12) + 180) % 360 - 180)
        panel = (
            np.clip((span - away) / 3, 0, 1)
            * np.clip((elevation - low) / 3, 0, 1)
            * np.clip((high - elevation) / 3, 0, 1)
        )
        light = light + power * panel
    light = np.where(elevation > 86, 0.12, light)
    tint = np.array([0.96, 1.0, 1.06])
    pixels = np.ones((height, width, 4), np.float32)
    pixels[..., :3] = np.clip(light, 0.02, None)[..., None] * tint
    return pixels
