"""A scorer and a data set small enough to work every figure out by hand."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from csad.config.line import ProductLine
from csad.images import ImageFile, ImageSet
from csad.metrics.threshold import Threshold

THRESHOLD = 100.0
SHAPE = (8, 10)


@dataclass(frozen=True)
class FakeScore:
    value: float
    anomalous: bool
    branches: dict[str, float]
    map: np.ndarray
    explanations: tuple[str, ...] = ()


PROMISE = Threshold(
    value=THRESHOLD, false_reject_rate=0.01, promised_rate=0.01, interval=(0, 1), images=2, note="made up"
)


@dataclass(frozen=True)
class FakeManifest:
    seed: int = 3
    snapshot: str = "trained-on-this"
    weights: dict[str, str] = field(default_factory=lambda: {"backbone": "tiny"})
    threshold: Threshold = PROMISE
    synthetic_detection: dict[str, float] = field(default_factory=lambda: {"coloured spot": 0.75})
    odd_images: tuple[str, ...] = ("train/good/007",)


class FakeScorer:
    """The score of an image is its first pixel's red, a second branch its green, the map its blue."""

    normal_tail = 20.0

    def __init__(self, threshold: float = THRESHOLD) -> None:
        self.line = ProductLine(name="kit")
        self.threshold = threshold
        self.manifest = FakeManifest()
        self.batches: list[int] = []

    def score(self, image):
        value = float(image[0, 0, 0])
        return FakeScore(
            value=value,
            anomalous=value > self.threshold,
            branches={"lgst": value, "histogram": float(image[0, 0, 1])},
            map=image[:, :, 2].astype(np.float32),
            explanations=("washer: <2 found>",) if value > self.threshold else (),
        )

    def score_batch(self, images):
        self.batches.append(len(images))
        return [self.score(image) for image in images]


class ScorerWithBackground(FakeScorer):
    def background_score(self, image):
        return float(image[0, 0, 1])


def picture(score, other=0, heat=None):
    image = np.zeros((*SHAPE, 3), dtype=np.uint8)
    image[0, 0, :2] = score, other
    if heat is not None:
        image[:, :, 2] = heat
    return image


class DataSet:
    """Writes images and masks in the usual layout."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: list[ImageFile] = []

    def add(self, split, kind, pictures):
        for image in pictures:
            stem = f"{sum(file.kind == kind and file.split == split for file in self.files):03d}"
            path = self.root / split / kind / f"{stem}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
            self.files.append(ImageFile(stem, path, split, kind))
        return self

    def mask(self, kind, stem, name, values):
        path = self.root / "ground_truth" / kind / stem / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(values, dtype=np.uint8)).save(path)
        return self

    def images(self, problems=()):
        def of(split):
            return tuple(file for file in self.files if file.split == split)

        return ImageSet(self.root, of("train"), of("validation"), of("test"), "evaluated-on-this", problems)
