"""Procedural metals, the tray's plastic, and the defects painted on them in image space."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Finish:
    """Look of a metal: base colour, roughness, strength of its fine relief and scale of its mottling."""

    colour: Colour
    roughness: float
    relief: float
    mottling: float


@dataclass(frozen=True)
class Stain:
    """Look of a contamination: two colours mixed by noise, roughness, and relief (crust or smooth film)."""

    light: Colour
    dark: Colour
    roughness: float
    relief: float


FINISHES = {
    "zinc": Finish((0.70, 0.72, 0.76), 0.24, 0.05, 0.07),
    "brass": Finish((0.88, 0.62, 0.24), 0.20, 0.04, 0.04),
    "steel": Finish((0.60, 0.59, 0.58), 0.22, 0.03, 0.04),
    "copper": Finish((0.86, 0.40, 0.25), 0.28, 0.08, 0.08),
    "black_oxide": Finish((0.035, 0.035, 0.04), 0.38, 0.08, 0.05),
    "blue": Finish((0.06, 0.17, 0.60), 0.30, 0.08, 0.05),
}
STAINS = {
    "rust": Stain((0.27, 0.085, 0.022), (0.065, 0.02, 0.01), 0.95, 0.6),
    "oil": Stain((0.022, 0.014, 0.006), (0.008, 0.006, 0.004), 0.08, 0.02),
    "dirt": Stain((0.30, 0.24, 0.16), (0.10, 0.075, 0.05), 0.9, 0.5),
}


@dataclass(frozen=True)
class Overlay:
    """Defects painted in image space: (H, W, 3) float in 0..1, channels groove, lip, stain; and the stain's look."""

    pixels: np.ndarray
    stain: Stain


class _Nodes:
    """Short notation to add and link shader nodes of one material."""

    def __init__(self, name: str) -> None:
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self.tree = self.material.node_tree
        self.shader = self.tree.nodes["Principled BSDF"]
        self.coordinates = self.add("ShaderNodeTexCoord")

    def add(self, kind: str, **settings: object) -> bpy.types.Node:
        """Add a node; settings are properties, or input values where an input has that name."""
        node = self.tree.nodes.new(kind)
        for name, value in settings.items():
            if hasattr(node, name):
                setattr(node, name, value)
            else:
                node.inputs[name].default_value = value
        return node

    def link(self, source: bpy.types.NodeSocket, target: bpy.types.NodeSocket) -> None:
        """Link an output to an input."""
        self.tree.links.new(source, target)

    def noise(self, scale: float, detail: float, offset: float) -> bpy.types.NodeSocket:
        """Noise in object coordinates, moved by `offset` so that parts differ."""
        mapping = self.add("ShaderNodeMapping", Location=(offset, 0.7 * offset, -offset))
        self.link(self.coordinates.outputs["Object"], mapping.inputs["Vector"])
        noise = self.add("ShaderNodeTexNoise", Scale=scale, Detail=detail)
        self.link(mapping.outputs[0], noise.inputs["Vector"])
        return noise.outputs["Fac"]

    def mix(self, factor: bpy.types.NodeSocket, first: object, second: object) -> bpy.types.NodeSocket:
        """Mix two colours (sockets or RGB values) by a factor."""
        node = self.add("ShaderNodeMix", data_type="RGBA")
        self.link(factor, node.inputs[0])
        for socket, value in ((node.inputs[6], first), (node.inputs[7], second)):
            if isinstance(value, bpy.types.NodeSocket):
                self.link(value, socket)
            else:
                socket.default_value = (*value, 1.0)
        return node.outputs[2]

    def ramp(
        self, value: bpy.types.NodeSocket, low: float, high: float, to_low: float, to_high: float
    ) -> bpy.types.NodeSocket:
        """Map a value linearly and clamp it."""
        node = self.add("ShaderNodeMapRange")
        self.link(value, node.inputs[0])
        for slot, number in enumerate((low, high, to_low, to_high), start=1):
            node.inputs[slot].default_value = number
        return node.outputs[0]

    def multiply(self, first: bpy.types.NodeSocket, second: bpy.types.NodeSocket | float) -> bpy.types.NodeSocket:
        """Multiply two values."""
        node = self.add("ShaderNodeMath", operation="MULTIPLY")
        self.link(first, node.inputs[0])
        if isinstance(second, bpy.types.NodeSocket):
            self.link(second, node.inputs[1])
        else:
            node.inputs[1].default_value = second
        return node.outputs[0]

    def bump(
        self, height: bpy.types.NodeSocket, strength: float, distance: float, below: bpy.types.NodeSocket | None = None
    ) -> bpy.types.NodeSocket:
        """Add a bump, on top of another one where given."""
        node = self.add("ShaderNodeBump", Strength=strength, Distance=distance)
        self.link(height, node.inputs["Height"])
        if below is not None:
            self.link(below, node.inputs["Normal"])
        return node.outputs[0]


def metal(finish: Finish, rng: np.random.Generator, overlay: Overlay | None = None) -> bpy.types.Material:
    """Make the metal of one part: tint and roughness vary a little from part to part."""
    nodes = _Nodes("metal")
    offset = float(rng.uniform(0, 50))
    tint = np.clip(np.asarray(finish.colour) * rng.uniform(0.93, 1.05) * rng.normal(1, 0.012, 3), 0, 1)
    mottle = nodes.noise(2.6, 3.0, offset)
    colour = nodes.mix(nodes.ramp(mottle, 0.3, 0.7, 0, 1), tuple(tint * (1 - 2 * finish.mottling)), tuple(tint))
    base = finish.roughness * float(rng.uniform(0.88, 1.15))
    roughness = nodes.ramp(nodes.noise(9.0, 2.0, offset), 0.3, 0.7, 0.7 * base, 1.35 * base)
    normal = nodes.bump(nodes.noise(1.3, 0.0, offset), 0.18, 0.25)
    normal = nodes.bump(nodes.noise(38.0, 1.0, offset), finish.relief, 0.02, normal)
    metallic = None
    if overlay is not None:
        colour, roughness, metallic, normal = _painted(nodes, overlay, colour, roughness, normal, offset)
    nodes.shader.inputs["Metallic"].default_value = 1.0
    nodes.link(colour, nodes.shader.inputs["Base Color"])
    nodes.link(roughness, nodes.shader.inputs["Roughness"])
    nodes.link(normal, nodes.shader.inputs["Normal"])
    if metallic is not None:
        nodes.link(metallic, nodes.shader.inputs["Metallic"])
    return nodes.material


def _painted(
    nodes: _Nodes,
    overlay: Overlay,
    colour: bpy.types.NodeSocket,
    roughness: bpy.types.NodeSocket,
    normal: bpy.types.NodeSocket,
    offset: float,
) -> tuple[bpy.types.NodeSocket, bpy.types.NodeSocket, bpy.types.NodeSocket, bpy.types.NodeSocket]:
    """Put grooves, their lips and stains over a surface; window coordinates make image pixels and paint agree."""
    height, width, _ = overlay.pixels.shape
    image = bpy.data.images.new("overlay", width, height, float_buffer=True, is_data=True)
    rgba = np.ones((height, width, 4), np.float32)
    rgba[..., :3] = overlay.pixels
    image.pixels.foreach_set(rgba[::-1].ravel())
    image.pack()
    texture = nodes.add("ShaderNodeTexImage", image=image, extension="EXTEND")
    nodes.link(nodes.coordinates.outputs["Window"], texture.inputs["Vector"])
    channels = nodes.add("ShaderNodeSeparateColor")
    nodes.link(texture.outputs["Color"], channels.inputs[0])
    groove, lip, stain = channels.outputs
    colour = nodes.mix(groove, colour, (0.05, 0.047, 0.045))
    colour = nodes.mix(lip, colour, (0.97, 0.96, 0.94))
    grain = nodes.ramp(nodes.noise(7.0, 7.0, offset + 3), 0.38, 0.62, 0, 1)
    colour = nodes.mix(stain, colour, nodes.mix(grain, overlay.stain.dark, overlay.stain.light))
    rough = (overlay.stain.roughness,) * 3
    roughness = nodes.mix(stain, nodes.mix(groove, roughness, (0.6,) * 3), rough)
    metallic = nodes.ramp(stain, 0, 1, 1, 0)
    normal = nodes.bump(groove, 0.8, -0.05, normal)
    crust = nodes.multiply(stain, nodes.noise(16.0, 5.0, offset))
    normal = nodes.bump(crust, overlay.stain.relief, 0.06, normal)
    return colour, roughness, metallic, normal


def fracture_surface() -> bpy.types.Material:
    """Make the dull crystalline surface where a part broke."""
    nodes = _Nodes("fracture")
    colour = nodes.mix(nodes.noise(14.0, 6.0, 0.0), (0.16, 0.155, 0.15), (0.42, 0.41, 0.40))
    nodes.link(colour, nodes.shader.inputs["Base Color"])
    nodes.link(nodes.bump(nodes.noise(18.0, 6.0, 1.0), 0.9, 0.06), nodes.shader.inputs["Normal"])
    nodes.shader.inputs["Metallic"].default_value = 0.8
    nodes.shader.inputs["Roughness"].default_value = 0.6
    return nodes.material


def plastic(colour: Colour, rng: np.random.Generator) -> bpy.types.Material:
    """Make the tray's moulded plastic: fine grain, faint wear."""
    nodes = _Nodes("plastic")
    offset = float(rng.uniform(0, 50))
    base = np.asarray(colour)
    wear = nodes.ramp(nodes.noise(0.55, 4.0, offset), 0.35, 0.7, 0, 1)
    speck = nodes.ramp(nodes.noise(11.0, 0.0, offset), 0.70, 0.76, 0, 0.35)
    tone = nodes.mix(wear, tuple(base * 0.92), tuple(base * 1.06))
    nodes.link(nodes.mix(speck, tone, tuple(base * 0.55)), nodes.shader.inputs["Base Color"])
    nodes.link(nodes.ramp(wear, 0, 1, 0.42, 0.55), nodes.shader.inputs["Roughness"])
    nodes.link(nodes.bump(nodes.noise(24.0, 1.0, offset), 0.35, 0.03), nodes.shader.inputs["Normal"])
    return nodes.material


def index_emission() -> bpy.types.Material:
    """Make a material that shines with its object's index / 255, to render exact masks."""
    nodes = _Nodes("index")
    info = nodes.add("ShaderNodeObjectInfo")
    emission = nodes.add("ShaderNodeEmission")
    nodes.material.cycles.emission_sampling = "NONE"
    nodes.link(nodes.multiply(info.outputs["Object Index"], 1 / 255), emission.inputs["Strength"])
    nodes.link(emission.outputs[0], nodes.tree.nodes["Material Output"].inputs["Surface"])
    return nodes.material
