"""MVTec LOCO AD in miniature, drawn by us: its five categories, its folders, its masks and its defects_config.json."""

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from csad.reproduction.published import CATEGORIES

SIDE = 96
GREY, RED, GREEN, BLUE, BLACK = (205, 205, 205), (200, 40, 40), (40, 160, 60), (40, 60, 190), (20, 20, 20)
PARTS = {"disc": (12, 12, 36, 36), "square": (56, 14, 80, 38), "bar": (18, 62, 76, 78)}
TRAIN, VALIDATION, GOOD, ANOMALOUS = 8, 5, 3, 2
RULES = [
    {"defect_name": "missing part", "pixel_value": 255, "saturation_threshold": 200, "relative_saturation": False},
    {"defect_name": "scratch", "pixel_value": 254, "saturation_threshold": 0.5, "relative_saturation": True},
]


def write_miniature(root: Path, categories=CATEGORIES) -> Path:
    """Draw the data set into `root`."""
    for number, category in enumerate(categories):
        folder, seed = root / category, 1000 * number
        for split, count in (("train", TRAIN), ("validation", VALIDATION), ("test", GOOD)):
            for index in range(count):
                seed += 1
                _save(draw(seed), folder / split / "good" / f"{index:03d}.png")
        for index in range(ANOMALOUS):
            missing = list(PARTS)[(number + index) % len(PARTS)]
            seed += 1
            _save(draw(seed, missing=missing), folder / "test/logical_anomalies" / f"{index:03d}.png")
            _mask(folder, "logical_anomalies", index, PARTS[missing], 255)
            _save(draw(seed + 100, scratched=True), folder / "test/structural_anomalies" / f"{index:03d}.png")
            _mask(folder, "structural_anomalies", index, (20, 20, 60, 84), 254)
        (folder / "defects_config.json").write_text(json.dumps(RULES))
    return root


def draw(seed: int, missing: str = "", scratched: bool = False) -> Image.Image:
    """A disc, a square and a bar on grey, each moved by a pixel or two."""
    generator = np.random.default_rng(seed)
    image = Image.new("RGB", (SIDE, SIDE), GREY)
    pencil = ImageDraw.Draw(image)
    for part, corners in PARTS.items():
        across, down = generator.integers(-2, 3, 2)
        box = tuple(int(side) for side in np.add(corners, (across, down, across, down)))
        if part == missing:
            continue
        if part == "disc":
            pencil.ellipse(box, fill=RED)
        else:
            pencil.rectangle(box, fill=GREEN if part == "square" else BLUE)
    if scratched:
        pencil.line((24, 24, 56, 80), fill=BLACK, width=3)
    noise = generator.normal(0, 3, (SIDE, SIDE, 3))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def _mask(folder: Path, kind: str, index: int, box: tuple[int, int, int, int], value: int) -> None:
    mask = Image.new("L", (SIDE, SIDE), 0)
    ImageDraw.Draw(mask).rectangle(box, fill=value)
    _save(mask, folder / "ground_truth" / kind / f"{index:03d}" / "000.png")


def _save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
