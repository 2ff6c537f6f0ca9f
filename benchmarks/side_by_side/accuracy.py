"""Detection on the same images, of the methods whose weights are at hand: csad, and PatchCore on csad's backbone."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import patchcore, patches
from csad.common.errors import DatasetError
from csad.common.progress import track
from csad.config.settings import BackboneSettings, ImageSettings
from csad.features.backbone import load_backbone
from csad.images.layout import list_images
from csad.images.reading import read_rgb
from csad.images.records import GOOD, ImageFile
from csad.metrics.auroc import auroc
from csad.scoring.scorer import Scorer

BATCH = 8
Areas = dict[str, float]


@dataclass(frozen=True)
class Images:
    """A data set's good images to train on, and its test images."""

    train: tuple[ImageFile, ...]
    test: tuple[ImageFile, ...]


def read_images(data: Path) -> Images:
    """List a data set in LOCO layout.

    Raises:
        DatasetError: There are no training images, or no good or no anomalous test images.
    """
    images = list_images(data, ImageSettings().validation_fraction)
    train = tuple(image for image in images if image.split == "train")
    test = tuple(image for image in images if image.split == "test")
    kinds = {image.kind for image in test}
    if not train or GOOD not in kinds or len(kinds) < 2:
        raise DatasetError(
            f"{data} has {len(train)} training images and test images of: {', '.join(sorted(kinds)) or 'no kind'}; "
            "to compare detection it needs train/good, test/good and another folder of test"
        )
    return Images(train, test)


def areas(scores: Sequence[float], kinds: Sequence[str]) -> Areas:
    """Image AUROC of each kind of anomaly against the good images, and their mean, in percent."""
    values, names = np.asarray(scores), np.asarray(kinds)
    found = {
        kind: 100 * auroc(values[names == GOOD], values[names == kind]) for kind in sorted(set(kinds)) if kind != GOOD
    }
    return found | {"mean": float(np.mean(list(found.values())))}


def csad_areas(model: Path, runtime: str, images: Images, threads: int) -> Areas:
    """How well a model of csad tells test images apart in a runtime.

    Raises:
        CsadError: The model or an image cannot be read.
    """
    scorer, scores = Scorer.load(model, runtime=runtime, threads=threads), []
    for start in track(range(0, len(images.test), BATCH), f"Scoring in {runtime}"):
        batch = [read_rgb(image.path) for image in images.test[start : start + BATCH]]
        scores += [score.value for score in scorer.score_batch(batch)]
    return areas(scores, [image.kind for image in images.test])


def fit_patchcore(images: Images, seed: int, folder: Path) -> Areas:
    """Fit PatchCore on the embedded backbone, keep its memory as memory.npy, and score the test images.

    Raises:
        WeightsError: The embedded weights are not installed.
        ImageError: An image cannot be read.
    """
    backbone = load_backbone(BackboneSettings().name, stages=3)
    memory = patchcore.coreset(patches.describe(backbone, [image.path for image in images.train]), seed)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "memory.npy", memory.numpy())
    scores = patchcore.scores(patches.describe(backbone, [image.path for image in images.test]), memory)
    return areas(list(scores), [image.kind for image in images.test])
