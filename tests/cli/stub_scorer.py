"""A scorer whose scores are easily told, and the command that uses it."""

import os
from dataclasses import dataclass, field

import numpy as np
from click.testing import CliRunner

from csad.cli import main
from csad.config.line import ProductLine
from csad.metrics.threshold import Threshold

THRESHOLD = Threshold(
    value=100.0, false_reject_rate=0.01, promised_rate=0.01, interval=(0.0, 0.03), images=120, note=""
)
ODD_NAMES = ["next\x85line.png", "line\u2028separator.png", os.fsdecode(b"latin-1 gr\xf6\xdfe.png"), "back\\slash.png"]


@dataclass(frozen=True)
class StubScore:
    value: float
    threshold: float
    anomalous: bool
    branches: dict
    explanations: tuple
    map: np.ndarray


class StubRuntime:
    def described(self):
        return "a stub"


@dataclass
class StubManifest:
    """What the model says of its threshold: 1 % of good products, nine of ten foreign patches."""

    checksum: str = "abc"
    snapshot: str = "def"
    threshold: Threshold = THRESHOLD
    synthetic_detection: dict = field(default_factory=lambda: {"foreign patch": 0.9})


@dataclass
class StubScorer:
    """Scores an image by its mean red value; above 100 it is anomalous. A thousandth of it heats the first pixel."""

    line: ProductLine = field(default_factory=lambda: ProductLine(name="kit"))
    batches: list = field(default_factory=list)
    normal_tail: float = 0.1
    manifest: StubManifest = field(default_factory=StubManifest)
    runtime: StubRuntime = field(default_factory=StubRuntime)

    def score_batch(self, images):
        print("a library's chatter")
        self.batches.append(len(images))
        return [self._score(image) for image in images]

    def _score(self, image):
        value = float(image[..., 0].mean())
        explanations = ("cherry icon: missing", "banana: extra") if value > 100 else ()
        heat = np.zeros(image.shape[:2], np.float32)
        heat[0, 0] = value / 1000
        return StubScore(value, 100.0, value > 100, {"full": value, "global": 1.5}, explanations, heat)


def run_score(*arguments):
    return CliRunner().invoke(main, ["score", ".", *(str(argument) for argument in arguments)])
