"""The baselines on a data set: measured once, kept as a file, then read."""

import hashlib
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from benchmarks import patchcore, patches, sketch
from benchmarks.datasets import DataSet
from benchmarks.decisions import Decisions, decide
from benchmarks.measurement import machine
from benchmarks.stored import StoredResult
from csad.common import atomic
from csad.common.errors import DatasetError
from csad.config.settings import BackboneSettings, ImageSettings
from csad.features.backbone import load_backbone
from csad.images.layout import list_images
from csad.images.records import GOOD
from csad.runner.code import code_version

PATCHCORE = "PatchCore"
SKETCH = "sketch"


class Baselines(StoredResult):
    """Both baselines on one data set with one seed.

    Attributes:
        decisions: A record per method.
        seconds: Wall time of each method, without the features that both read.
        code: Digest of the code that made it.
        date: UTC.
        machine: Processor and cores.
    """

    decisions: tuple[Decisions, ...]
    seconds: dict[str, float]
    code: str
    date: str
    machine: str


def measure_baselines(data: DataSet, seed: int, output: Path) -> Baselines:
    """Run both baselines, or read `<data set>-baselines-<seed>.json` where the same code wrote it.

    Raises:
        DatasetError: Images are missing or unreadable.
        WeightsError: The embedded weights are not installed.
    """
    result, code = output / f"{data.name}-baselines-{seed}.json", _code()
    earlier = Baselines.find(result)
    if earlier and earlier.code == code:
        print(f"{data.name}: baselines measured on {earlier.date}, reused", file=sys.stderr)
        return earlier
    print(f"{data.name}: baselines, seed {seed}", file=sys.stderr)
    images = list_images(data.folder, ImageSettings().validation_fraction)
    splits = {split: [image for image in images if image.split == split] for split in ("train", "validation", "test")}
    if missing := [split for split, own in splits.items() if not own]:
        raise DatasetError(f"{data.folder} has no images for {', '.join(missing)}; the baselines need all three splits")
    backbone = load_backbone(BackboneSettings().name, stages=3)
    features = {split: patches.describe(backbone, [image.path for image in own]) for split, own in splits.items()}
    train, validation, test = (features[split] for split in ("train", "validation", "test"))
    kinds, decisions, seconds = [image.kind for image in splits["test"]], [], {}
    for method in (PATCHCORE, SKETCH):
        started = time.monotonic()
        if method == PATCHCORE:
            scores, threshold = patchcore.patchcore(train, validation, test, seed)
        else:
            scores, threshold = sketch.sketch(torch.cat([train, validation]), test, seed)
        seconds[method] = time.monotonic() - started
        decisions.append(decide(data.name, method, seed, np.asarray(scores), kinds, GOOD, threshold))
    date = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    found = Baselines(decisions=tuple(decisions), seconds=seconds, code=code, date=date, machine=machine())
    atomic.write_text(result, found.model_dump_json(indent=2) + "\n")
    return found


def _code() -> str:
    """The version of csad's reading and backbone, and a digest of the baselines' own files."""
    digest = hashlib.sha256()
    for module in (patches, patchcore, sketch):
        digest.update(Path(str(module.__file__)).read_bytes())
    return f"{code_version('csad.features.backbone')}+{digest.hexdigest()[:12]}"
