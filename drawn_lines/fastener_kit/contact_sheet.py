"""Draw `contact_sheet.jpg`: good kits first, then every category of defect with its ground truth outlined."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "fastener_kit"
TILE, CAPTION, COLUMNS = 232, 18, 6
GOOD = ("train/good/000", "train/good/001", "validation/good/000", "test/good/000", "test/good/001", "test/good/002")
PER_CATEGORY = 2


def main() -> None:
    """Write the sheet beside the data."""
    tiles = [(key, "good") for key in GOOD]
    shown: dict[str, set[str]] = {}
    with (EXAMPLE / "defects.csv").open() as file:
        for row in csv.DictReader(file):
            details = shown.setdefault(row["category"], set())
            if len(details) < PER_CATEGORY and row["detail"] not in details:
                details.add(row["detail"])
                tiles.append((row["image"].removesuffix(".jpg"), row["detail"]))
    rows = -(-len(tiles) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * TILE, rows * (TILE + CAPTION)), "white")
    pen = ImageDraw.Draw(sheet)
    for number, (key, caption) in enumerate(tiles):
        corner = (number % COLUMNS * TILE, number // COLUMNS * (TILE + CAPTION))
        sheet.paste(_tile(key), (corner[0] + 2, corner[1] + CAPTION))
        pen.text((corner[0] + 4, corner[1] + 3), caption.replace("_", " "), fill="black")
    sheet.save(EXAMPLE / "contact_sheet.jpg", quality=80, optimize=True)


def _tile(key: str) -> Image.Image:
    photograph = np.asarray(Image.open(EXAMPLE / "data" / f"{key}.jpg").convert("RGB")).copy()
    for path in sorted((EXAMPLE / "data" / "ground_truth" / key.removeprefix("test/")).glob("*.png")):
        region = np.asarray(Image.open(path)) > 0
        padded = np.pad(region, 1)
        grown = padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
        photograph[grown & ~region] = (255, 60, 40)
    return Image.fromarray(photograph).resize((TILE - 4, TILE - 4), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
