"""How the score tells good images from anomalous ones, as a pipeline's page draws it: ROC curve, confusion matrix."""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from pydantic import TypeAdapter

from csad.common import atomic
from csad.evaluation.figures import ImageRecord
from csad.images.records import GOOD
from csad.metrics.auroc import roc_curve

CATEGORIES = ["good", "anomalous"]
TEST = "test/"

_log = logging.getLogger(__name__)


class ClassificationSink(Protocol):
    """Where curve and matrix go; Kubeflow's ClassificationMetrics is one."""

    path: str

    def log_roc_curve(self, fpr: list[float], tpr: list[float], threshold: list[float]) -> None:
        """Record a curve."""
        ...

    def log_confusion_matrix(self, categories: list[str], matrix: list[list[int]]) -> None:
        """Record a matrix."""
        ...


@dataclass(frozen=True)
class Classification:
    """The decisions on the test images.

    Attributes:
        false_positive_rate: Good images at or above each threshold, as a fraction; empty where a side is missing.
        true_positive_rate: The same of anomalous images.
        thresholds: Falling scores, all of them finite: Kubeflow fails a task on infinity.
        confusion: Images that are good, then those that are anomalous, each as (accepted, rejected) by the model's
            threshold; empty without test images.
    """

    false_positive_rate: tuple[float, ...] = ()
    true_positive_rate: tuple[float, ...] = ()
    thresholds: tuple[float, ...] = ()
    confusion: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, records: Sequence[ImageRecord]) -> Self:
        """Count and trace; only test images count."""
        tested = [record for record in records if record.key.startswith(TEST)]
        good = [record for record in tested if record.kind == GOOD]
        anomalous = [record for record in tested if record.kind != GOOD]
        confusion = tuple(_decided(side) for side in (good, anomalous)) if tested else ()
        if not (good and anomalous):
            _log.warning("no ROC curve: %d good and %d anomalous test images", len(good), len(anomalous))
            return cls(confusion=confusion)
        curve = roc_curve(*(np.array([record.score for record in side]) for side in (good, anomalous)))
        kept = _corners(curve.false_positive_rate, curve.true_positive_rate)
        # The first threshold is infinite; the next number above the highest score rejects nothing just as well.
        thresholds = np.concatenate([[np.nextafter(curve.thresholds[1], np.inf)], curve.thresholds[1:]])
        columns = (curve.false_positive_rate, curve.true_positive_rate, thresholds)
        false_positives, true_positives, scores = (tuple(column[kept].tolist()) for column in columns)
        return cls(false_positives, true_positives, scores, confusion)

    @classmethod
    def read(cls, evaluation: Path) -> Self:
        """Read `evaluation.json`, which may say that nothing was evaluated."""
        records = json.loads(evaluation.read_text(encoding="utf-8")).get("records", ())
        return cls.of(TypeAdapter(tuple[ImageRecord, ...]).validate_python(records))

    def log_to(self, sink: ClassificationSink) -> None:
        """Record both where there are any, and write them to the sink's file: an artifact without it counts as lost."""
        if self.thresholds:
            curve = self.false_positive_rate, self.true_positive_rate, self.thresholds
            sink.log_roc_curve(*map(list, curve))
        if self.confusion:
            sink.log_confusion_matrix(CATEGORIES, [list(row) for row in self.confusion])
        atomic.write_text(Path(sink.path), json.dumps(asdict(self)) + "\n")


def _decided(records: Sequence[ImageRecord]) -> tuple[int, int]:
    """How many were accepted, and rejected."""
    rejected = sum(record.anomalous for record in records)
    return len(records) - rejected, rejected


def _corners(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Which points a line through all of them needs, bool (N,): the ends, and those where it turns."""
    turns = np.diff(x[:-1]) * np.diff(y[1:]) != np.diff(y[:-1]) * np.diff(x[1:])
    return np.concatenate([[True], turns, [True]])
