"""Which defect each test image has, drawn from the image's own seed; no Blender here."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from layout import KINDS, SCREW_LENGTHS, USUAL_FINISH, Kit, Part, complete_kit, placed
from parts import Bend, Fracture

COUNTS = {
    "train/good": 160,
    "validation/good": 40,
    "test/good": 40,
    "test/logical_anomalies": 40,
    "test/structural_anomalies": 40,
}
LOGICAL = ("missing_part", "extra_part", "too_long", "swapped_part")
STRUCTURAL = ("bent_screw", "scratched_part", "broken_part", "contaminated_part", "wrong_colour")
PART_AREA = {"washer": 2200, "nut": 1250, "long_screw": 2800, "short_screw": 1500}
"""Median area of one part in the good images, pixels."""

LOGICAL_DEFECTS = [f"missing_{kind}" for kind in KINDS] + [f"extra_{kind}" for kind in KINDS]
DEFECT_NAMES = [*LOGICAL_DEFECTS, "medium_screw", *STRUCTURAL]
PIXEL_VALUES = {name: 255 - number for number, name in enumerate(DEFECT_NAMES)}


@dataclass(frozen=True)
class Paint:
    """A surface defect painted on one part: `scratch`, `rust`, `oil` or `dirt`."""

    part: int
    kind: str


@dataclass(frozen=True)
class Annotation:
    """One ground-truth channel.

    Attributes:
        defect: Its name in `defects_config.json`.
        region: `floor`, `parts`, `paint` or `fracture`.
        parts: The part numbers it covers, where the region is about parts.
    """

    defect: str
    region: str
    parts: tuple[int, ...] = ()


@dataclass(frozen=True)
class ImagePlan:
    """Everything that decides one image: its key `split/kind/NNN`, seed, kit and defect."""

    key: str
    seed: int
    kit: Kit
    category: str = "good"
    detail: str = ""
    annotations: tuple[Annotation, ...] = ()
    paint: Paint | None = None


@dataclass(frozen=True)
class _Change:
    parts: list[Part]
    detail: str
    annotations: tuple[Annotation, ...]
    paint: Paint | None = None


def all_keys() -> list[str]:
    """Return the keys of all images, in order."""
    return [f"{folder}/{number:03d}" for folder, count in COUNTS.items() for number in range(count)]


def plan(key: str) -> ImagePlan:
    """Plan one image from its key alone."""
    folder, _, stem = key.rpartition("/")
    number = int(stem)
    seed = zlib.crc32(f"fastener_kit/{key}".encode())
    rng = np.random.default_rng(seed)
    if folder.endswith("good"):
        return ImagePlan(key, seed, Kit(placed(complete_kit(), rng), seed))
    categories = LOGICAL if folder.endswith("logical_anomalies") else STRUCTURAL
    per_category = COUNTS[folder] // len(categories)
    category = categories[number // per_category]
    change = _CHANGES[category](number % per_category, rng)
    kit = Kit(placed(change.parts, rng), seed)
    return ImagePlan(key, seed, kit, category, change.detail, change.annotations, change.paint)


def defects_config() -> list[dict[str, object]]:
    """Return the content of `defects_config.json`: saturation of absolute area for logical defects, else relative."""
    config: list[dict[str, object]] = []
    for name, value in PIXEL_VALUES.items():
        kind = name.removeprefix("missing_").removeprefix("extra_")
        absolute = name in LOGICAL_DEFECTS
        config.append(
            {
                "defect_name": name,
                "pixel_value": value,
                "saturation_threshold": PART_AREA[kind] if absolute else 1.0,
                "relative_saturation": not absolute,
            }
        )
    return config


def _numbers(parts: list[Part], kind: str) -> tuple[int, ...]:
    return tuple(number for number, part in enumerate(parts) if part.kind == kind)


def _part(kind: str) -> Part:
    return Part(kind, USUAL_FINISH[kind])


def _missing(kind: str) -> Annotation:
    return Annotation(f"missing_{kind}", "floor")


def _extra(parts: list[Part], kind: str) -> Annotation:
    return Annotation(f"extra_{kind}", "parts", _numbers(parts, kind))


def _exchanged(parts: list[Part], old: str, new: str) -> list[Part]:
    number = _numbers(parts, old)[0]
    return [*parts[:number], _part(new), *parts[number + 1 :]]


def _missing_part(number: int, rng: np.random.Generator) -> _Change:
    kind = KINDS[number % 4]
    parts = complete_kit()
    parts.pop(_numbers(parts, kind)[0])
    return _Change(parts, f"{kind} missing", (_missing(kind),))


def _extra_part(number: int, rng: np.random.Generator) -> _Change:
    kind = KINDS[number % 4]
    parts = [*complete_kit(), _part(kind)]
    return _Change(parts, f"one {kind} too many", (_extra(parts, kind),))


def _too_long(number: int, rng: np.random.Generator) -> _Change:
    if number % 2:
        parts = _exchanged(complete_kit(), "short_screw", "medium_screw")
        return _Change(
            parts,
            "medium instead of short screw",
            (Annotation("medium_screw", "parts", _numbers(parts, "medium_screw")),),
        )
    parts = _exchanged(complete_kit(), "short_screw", "long_screw")
    return _Change(parts, "long instead of short screw", (_extra(parts, "long_screw"), _missing("short_screw")))


def _swapped_part(number: int, rng: np.random.Generator) -> _Change:
    pairs = (("washer", "nut"), ("nut", "washer"), ("washer", "nut"), ("nut", "washer"), ("long_screw", "short_screw"))
    old, new = pairs[number % 5]
    parts = _exchanged(complete_kit(), old, new)
    return _Change(parts, f"{new} instead of {old}", (_extra(parts, new), _missing(old)))


def _bent_screw(number: int, rng: np.random.Generator) -> _Change:
    kind = ("long_screw", "short_screw")[number % 2]
    length = SCREW_LENGTHS[kind]
    bend = Bend(
        length * rng.uniform(0.3, 0.48), rng.uniform(0.45, 0.8), np.radians(rng.uniform(24, 48)) * rng.choice([-1, 1])
    )
    return _altered(kind, "bent_screw", f"{kind} bent", "parts", bend=bend)


def _scratched_part(number: int, rng: np.random.Generator) -> _Change:
    return _on_surface(("washer", "nut")[number % 2], "scratched_part", "scratch")


def _broken_part(number: int, rng: np.random.Generator) -> _Change:
    kind = ("washer", "nut")[number % 2]
    narrow = number in (2, 3)
    width = rng.uniform(0.28, 0.36) if narrow else rng.uniform(0.8, 1.5)
    fracture = Fracture(rng.uniform(0, 2 * np.pi), width, int(rng.integers(1 << 30)))
    detail = f"{kind} split" if narrow else f"piece of {kind} broken off"
    return _altered(kind, "broken_part", detail, "fracture", fracture=fracture)


def _contaminated_part(number: int, rng: np.random.Generator) -> _Change:
    kind = ("washer", "nut", "long_screw", "short_screw", "nut", "washer", "washer", "nut")[number]
    return _on_surface(
        kind, "contaminated_part", ("rust", "rust", "rust", "rust", "oil", "oil", "dirt", "dirt")[number]
    )


def _wrong_colour(number: int, rng: np.random.Generator) -> _Change:
    kind, finish = (
        ("washer", "copper"),
        ("nut", "zinc"),
        ("long_screw", "brass"),
        ("short_screw", "black_oxide"),
        ("washer", "black_oxide"),
        ("nut", "copper"),
        ("long_screw", "blue"),
        ("washer", "brass"),
    )[number]
    return _altered(kind, "wrong_colour", f"{kind} in {finish}", "parts", finish=finish)


def _altered(kind: str, defect: str, detail: str, region: str, **changes: object) -> _Change:
    parts = complete_kit()
    number = _numbers(parts, kind)[0]
    parts[number] = replace(parts[number], **changes)
    return _Change(parts, detail, (Annotation(defect, region, (number,)),))


def _on_surface(kind: str, defect: str, paint: str) -> _Change:
    parts = complete_kit()
    number = _numbers(parts, kind)[0]
    return _Change(parts, f"{paint} on {kind}", (Annotation(defect, "paint", (number,)),), Paint(number, paint))


_CHANGES: dict[str, Callable[[int, np.random.Generator], _Change]] = {
    "missing_part": _missing_part,
    "extra_part": _extra_part,
    "too_long": _too_long,
    "swapped_part": _swapped_part,
    "bent_screw": _bent_screw,
    "scratched_part": _scratched_part,
    "broken_part": _broken_part,
    "contaminated_part": _contaminated_part,
    "wrong_colour": _wrong_colour,
}
