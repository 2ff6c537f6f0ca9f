"""Render the fastener kit: images, ground truth, component labels. Files that exist are kept."""

from __future__ import annotations

import argparse
import csv
import json
import time
from dataclasses import replace
from pathlib import Path

import defects
import numpy as np
import paint
import scene
from defects import Annotation, ImagePlan
from layout import KIND_IDS, Kit
from materials import STAINS, Overlay
from PIL import Image

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "fastener_kit"


def render(plan: ImagePlan, out: Path, threads: int) -> None:
    """Render one image with its ground truth or component labels; the image is written last."""
    scene.build(plan.kit)
    index = scene.index_map(threads)
    overlay = None
    if plan.paint is not None:
        overlay = _overlay(plan, index)
        scene.build(plan.kit, {plan.paint.part: overlay})
    photograph = scene.photograph(threads)
    folder, _, stem = plan.key.rpartition("/")
    if plan.category == "good":
        _save(_component_labels(plan.kit, index), out / "component_labels" / folder / f"{stem}.png")
    for number, annotation in enumerate(plan.annotations):
        region = _region(annotation, plan, index, overlay, threads)
        value = defects.PIXEL_VALUES[annotation.defect]
        target = out / "data" / "ground_truth" / Path(folder).name / stem / f"{number:03d}.png"
        _save(np.where(region, value, 0).astype(np.uint8), target)
    _save_photograph(photograph, plan.seed, out / "data" / f"{plan.key}.jpg")


def write_descriptions(out: Path) -> None:
    """Write `defects_config.json`, `classes.json` and `defects.csv`; they follow from the plans alone."""
    (out / "data").mkdir(parents=True, exist_ok=True)
    (out / "component_labels").mkdir(parents=True, exist_ok=True)
    (out / "data" / "defects_config.json").write_text(json.dumps(defects.defects_config(), indent=2) + "\n")
    classes = {"0": "background"} | {str(number): kind for kind, number in KIND_IDS.items()}
    (out / "component_labels" / "classes.json").write_text(json.dumps(classes, indent=2) + "\n")
    with (out / "defects.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["image", "category", "detail"])
        for key in defects.all_keys():
            if "anomalies" in key:
                plan = defects.plan(key)
                writer.writerow([f"{key}.jpg", plan.category, plan.detail])


def _overlay(plan: ImagePlan, index: np.ndarray) -> Overlay:
    rng = np.random.default_rng(plan.seed + 1)
    part = index == plan.paint.part + 1
    if plan.paint.kind == "scratch":
        return Overlay(paint.scratches(part, rng), STAINS["rust"])
    for _ in range(30):
        pixels = paint.stain(part, rng)
        if paint.painted_region(pixels, part).sum() > 0.28 * min(part.sum(), 2200):
            break
    return Overlay(pixels, STAINS[plan.paint.kind])


def _region(
    annotation: Annotation, plan: ImagePlan, index: np.ndarray, overlay: Overlay | None, threads: int
) -> np.ndarray:
    covered = np.isin(index, [number + 1 for number in annotation.parts])
    if annotation.region == "floor":
        return index == scene.FLOOR_INDEX
    if annotation.region == "paint":
        return paint.painted_region(overlay.pixels, covered)
    if annotation.region == "fracture":
        whole = tuple(replace(part, fracture=None) for part in plan.kit.parts)
        scene.build(replace(plan.kit, parts=whole))
        intact = scene.index_map(threads) == annotation.parts[0] + 1
        return _grown(intact & ~covered, 2) & intact
    return covered


def _grown(region: np.ndarray, steps: int) -> np.ndarray:
    for _ in range(steps):
        padded = np.pad(region, 1)
        region = region | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    return region


def _component_labels(kit: Kit, index: np.ndarray) -> np.ndarray:
    labels = np.zeros(256, np.uint8)
    for number, part in enumerate(kit.parts):
        labels[number + 1] = KIND_IDS[part.kind]
    return labels[index]


def _save(pixels: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, optimize=True)


def _save_photograph(pixels: np.ndarray, seed: int, path: Path) -> None:
    """Add a sensor's grain and save; the rename makes an interrupted run leave no half file."""
    grain = np.random.default_rng(seed + 2).normal(0, 1.3, pixels.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    noisy = np.clip(pixels + grain, 0, 255).round().astype(np.uint8)
    Image.fromarray(noisy).save(partial, format="JPEG", quality=90)
    partial.rename(path)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", help="key of an image to render again, such as train/good/003")
    parser.add_argument("--out", type=Path, default=EXAMPLE, help="folder of the example")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--shard", default="0/1", help="K/N: render every N-th image from the K-th on")
    return parser.parse_args()


def main() -> None:
    """Render all images that are not there yet, or those named by --only."""
    arguments = _arguments()
    write_descriptions(arguments.out)
    shard, shards = (int(number) for number in arguments.shard.split("/"))
    keys = arguments.only or defects.all_keys()[shard::shards]
    started, done = time.monotonic(), 0
    for number, key in enumerate(keys, start=1):
        if arguments.only is None and (arguments.out / "data" / f"{key}.jpg").exists():
            continue
        render(defects.plan(key), arguments.out, arguments.threads)
        done += 1
        print(f"{number}/{len(keys)} {key} {(time.monotonic() - started) / done:.1f} s/image", flush=True)


if __name__ == "__main__":
    main()
