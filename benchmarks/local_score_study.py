"""Compare ways to make one score of the patch distances of a memory bank, from distances that are searched once.

`python -m benchmarks.local_score_study cookies metal_nut` prints a table for each set; `--cache` keeps the distances
between runs. Each memory bank scores alone. Test images are only measured: good images set scale and threshold.
"""

import argparse
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from sklearn.metrics import roc_auc_score
from torch import Tensor

from benchmarks.datasets import DATA_SETS, DRAWN_LINES, FULL, DataSet
from benchmarks.sketch import FALSE_REJECT_RATE, exponential_threshold
from csad.common.tables import markdown_table
from csad.features.backbone import backbone_of
from csad.images import ImageFile
from csad.images.inspection import scan
from csad.images.registered import find_registration
from csad.images.training_images import canvas_of, evenly_spaced, read_images, sample_images
from csad.imaging.canvas_store import CanvasStore
from csad.lgst import normal_distances
from csad.lgst.fit import BATCH, NORMAL_DISTANCE_IMAGES
from csad.lgst.memory_bank import MEMORY_LAYERS, MemoryBank
from csad.lgst.normal_distances import NormalDistances, NormalDistancesFit
from csad.lgst.one_pass import OnePass
from csad.scoring.branches import reductions

SCALES: Mapping[str, Mapping[str, float]] = {
    "20 neighbours": {"NEIGHBOURS": 20},
    "5 neighbours": {"NEIGHBOURS": 5},
    "60 neighbours": {"NEIGHBOURS": 60},
    "images believed half as much": {"PRIOR_IMAGES": 40},
    "a tenth as much": {"PRIOR_IMAGES": 200},
    "twice the deviation of all added": {"POOLED_FRACTION": 1.0},
    "four times": {"POOLED_FRACTION": 2.0},
}
"""Constants of `csad.lgst.normal_distances`; the first one is the product's."""

BARE = "bare distances"

FRACTIONS = (0.0, 0.005, 0.02, 0.04)
"""Highest cells whose mean is the score; 0 stands for the five highest. The product takes 0.01."""


@dataclass(frozen=True)
class Found:
    """What one way of counting makes of one set.

    Attributes:
        auroc: In percent, of all defects against the good test images.
        found: Defects above the threshold.
        defects: Number of defects.
        rejected: Good test images above the threshold.
        good: Number of good test images.
    """

    auroc: float
    found: int
    defects: int
    rejected: int
    good: int

    def cells(self) -> tuple[str, str, str]:
        """Cells of the table."""
        return f"{self.auroc:.1f}", f"{self.found} of {self.defects}", f"{self.rejected} of {self.good}"


def search(data: DataSet, seed: int) -> dict[str, Tensor]:
    """Fit the memory banks of a set as the product does, and search them for all its images.

    Returns:
        For each bank `<name>.patches` (M, C) and, for `train` (without an image's own group), `validation` and `test`,
        distances, float32 (N, h, w), and nearest patches, int64 (N, h, w); `defect`, bool (T,), of test images.
    """
    line = FULL.line(data.name)
    images = scan(data.folder, line)
    canvas = canvas_of(line, images)
    backbone = backbone_of(line.backbone, stages=3)
    groups = images.groups_of(images.train)
    registration = find_registration(line, sample_images(line, images.train))

    def open_posed(files: Sequence[ImageFile]) -> CanvasStore:
        photos = read_images(line, files)
        if registration:
            photos = (registration.register(photo, registration.place(photo)) for photo in photos)
        return CanvasStore(canvas, photos)

    found = {"defect": torch.tensor([file.path.parent.name != "good" for file in images.test])}
    with torch.inference_mode(), open_posed(images.train) as canvases:
        banks = OnePass(line, backbone, canvases, groups, (), seed).memory_banks
    for name, bank in banks.items():
        found[f"{name}.patches"] = bank.patches
    some = evenly_spaced(len(images.train), NORMAL_DISTANCE_IMAGES)
    splits: tuple[tuple[str, Sequence[ImageFile], Sequence[int] | None], ...] = (
        ("train", [images.train[index] for index in some], [groups[index] for index in some]),
        ("validation", images.validation, None),
        ("test", images.test, None),
    )
    for split, files, without in splits:
        with torch.inference_mode(), open_posed(files) as canvases:
            pyramid_batches = [backbone(batch) for batch in canvases.batches(BATCH)]
        found.update(_nearest(banks, split, pyramid_batches, without))
    return {name: value.contiguous() for name, value in found.items()}


def _nearest(
    banks: Mapping[str, MemoryBank], split: str, batches: Sequence[list[Tensor]], without: Sequence[int] | None
) -> dict[str, Tensor]:
    edges = np.cumsum([0, *(len(batch[0]) for batch in batches)]).tolist()
    found = {}
    for name, bank in banks.items():
        parts = [
            bank.nearest(batch, without[start:end] if without is not None else None)
            for batch, (start, end) in zip(batches, pairwise(edges), strict=True)
        ]
        found[f"{name}.{split}.distances"] = torch.cat([distances for distances, _ in parts])
        found[f"{name}.{split}.nearest"] = torch.cat([nearest for _, nearest in parts])
    return found


def judge(
    found: Mapping[str, Tensor], bank: str, normal: NormalDistances | None, fraction: float = reductions.TOP_FRACTION
) -> Found:
    """Score all images with one bank and judge them at the threshold for 1 % (exponential tail of all good images).

    Args:
        found: What `search` returned.
        bank: Name of the memory bank.
        normal: Scale of distances; None compares them as they are.
        fraction: Highest cells of a map whose mean is the score.
    """

    def scores(split: str) -> np.ndarray:
        distances = found[f"{bank}.{split}.distances"]
        maps = normal(distances, found[f"{bank}.{split}.nearest"]) if normal else distances
        with patch.object(reductions, "TOP_FRACTION", fraction):
            (values,) = reductions.top_mean(bank, maps).values()
        return values.numpy()

    threshold = exponential_threshold(np.concatenate([scores("train"), scores("validation")]), FALSE_REJECT_RATE)
    test, defect = scores("test"), found["defect"].numpy()
    above = test > threshold
    auroc = 100 * float(roc_auc_score(defect, test))
    return Found(auroc, int(above[defect].sum()), int(defect.sum()), int(above[~defect].sum()), int((~defect).sum()))


def scale(found: Mapping[str, Tensor], bank: str, constants: Mapping[str, float]) -> NormalDistances:
    """Learn the scale of distances of a bank from training images, with some constants changed."""
    with ExitStack() as changed:
        for constant, value in constants.items():
            changed.enter_context(patch.object(normal_distances, constant, value))
        fit = NormalDistancesFit(found[f"{bank}.patches"])
        fit.add(found[f"{bank}.train.distances"], found[f"{bank}.train.nearest"])
        return fit.build()


def ways(found: Mapping[str, Tensor], bank: str) -> dict[str, Found]:
    """What each way makes of a set, with one memory bank."""
    scales = {name: scale(found, bank, constants) for name, constants in SCALES.items()}
    judged = {BARE: judge(found, bank, None)}
    judged |= {name: judge(found, bank, normal) for name, normal in scales.items()}
    first = next(iter(scales.values()))
    for fraction in FRACTIONS:
        cells = f"highest {fraction:.1%} of the cells" if fraction else "five highest cells"
        judged[cells] = judge(found, bank, first, fraction)
    return judged


def pooled(results: Sequence[Found]) -> Found:
    """Mean AUROC of several sets, and the sums of what was found and rejected."""
    return Found(
        float(np.mean([one.auroc for one in results])),
        sum(one.found for one in results),
        sum(one.defects for one in results),
        sum(one.rejected for one in results),
        sum(one.good for one in results),
    )


def table(name: str, judged: Mapping[str, Mapping[str, Found]]) -> str:
    """Markdown table: a row for each way, by bank and way."""
    rows = [(name, bank, way, *one.cells()) for bank, own in judged.items() for way, one in own.items()]
    return markdown_table(("set", "bank", "way", "AUROC", "found", "good rejected"), rows)


def main() -> None:
    """Print a table for each of the named sets, and one for all together."""
    sets = {data.name: data for data in (*DATA_SETS, *DRAWN_LINES)}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", choices=sets, metavar="SET", help=f"of: {', '.join(sets)}")
    parser.add_argument("--cache", type=Path, help="folder that keeps the distances")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    results = []
    for name in arguments.sets:
        found = _searched(sets[name], arguments.seed, arguments.cache)
        results.append({bank: ways(found, bank) for bank in MEMORY_LAYERS})
        print(f"{table(name, results[-1])}\n", flush=True)
    together = {
        bank: {way: pooled([one[bank][way] for one in results]) for way in results[0][bank]} for bank in MEMORY_LAYERS
    }
    print(table("all", together))


def _searched(data: DataSet, seed: int, cache: Path | None) -> dict[str, Tensor]:
    """Distances, from the cache where they are in it."""
    file = cache / f"{data.name}-{seed}.safetensors" if cache else None
    if file and file.is_file():
        return load_file(file)
    found = search(data, seed)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file(found, file)
    return found


if __name__ == "__main__":
    main()
