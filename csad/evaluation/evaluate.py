"""The evaluation of a scorer on images whose truth is known."""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from csad.common.errors import DatasetError
from csad.common.printable import printable
from csad.evaluation.by_kind import anomalous_kinds, auroc_by_kind, spro_by_kind
from csad.evaluation.cases import CaseCollector
from csad.evaluation.figures import AurocByKind, Evaluation, FalseRejects, ImageRecord, Rate, Timing
from csad.evaluation.map_files import MapFiles
from csad.evaluation.scoring import ImageScorer, ScoredImage, score_images
from csad.images import ImageFile, ImageSet
from csad.images.records import GOOD
from csad.imaging.heat import HeatScale
from csad.metrics.auroc import auroc
from csad.metrics.ground_truth import read_saturation_rules
from csad.metrics.spro import Spro
from csad.metrics.truth_reader import TruthReader, naming_doubts
from csad.scoring.loop import BATCH

FULL = "full"

_log = logging.getLogger(__name__)


def evaluate(scorer: ImageScorer, images: ImageSet, batch: int = BATCH, maps: MapFiles | None = None) -> Evaluation:
    """Measure detection, localisation and false rejects.

    Every validation and test image is scored once, by the path that production takes. Anomaly maps go to a temporary
    file (4 bytes a pixel); memory does not grow with the number of images.

    Args:
        scorer: What to measure.
        images: Test images, and validation images where there are any.
        batch: Images scored at once.
        maps: Writes the map of every test image; None writes none.

    Raises:
        DatasetError: No test images, or an unusable defects_config.json.
        ImageError: An image that cannot be read, or one whose score is not a number.
        CsadError: No space for the anomaly maps.
    """
    if not images.test:
        raise DatasetError(f"{images.root} has no test images; expected test/good and test/<kind of anomaly>")
    rules = read_saturation_rules(images.root)
    seconds = 0.0
    validation: list[ImageRecord] = []
    for scored in score_images(scorer, images.validation, "Scoring validation images", batch):
        validation.append(_record(scored))
        seconds += scored.seconds
    test: list[ImageRecord] = []
    cases = CaseCollector(scorer.threshold, HeatScale.of_model(scorer.normal_tail))
    truth = TruthReader(images, rules)
    with Spro() as spro:
        for scored in score_images(scorer, images.test, "Scoring test images", batch):
            record = _record(scored)
            if maps is not None:
                maps.write(scored.file, scored.score.map)
            defects = truth.of(scored.file, scored.image.shape[:2])
            if defects or record.kind == GOOD:
                spro.add(record.kind, scored.score.map, defects)
            masks = [defect.mask for defect in defects]
            cases.offer(scored.file, scored.image, scored.score.map, record.score, record.explanations, masks)
            test.append(record)
            seconds += scored.seconds
        kinds = anomalous_kinds(record.kind for record in test)
        localisation = spro_by_kind(spro, kinds)
    good = [record for record in test if record.kind == GOOD]
    test_good = _rejected(good)
    doubts = tuple(map(printable, (*naming_doubts(images), *truth.doubts())))
    for sentence in (*truth.broken(), *doubts):
        _log.warning("%s", sentence)
    return Evaluation(
        line=scorer.line.name,
        image_auroc=auroc_by_kind(test, lambda record: record.score),
        branches=_branches(test),
        spro=localisation,
        threshold=scorer.threshold,
        false_reject_rate=test_good.rate,
        false_rejects=FalseRejects(
            promised=scorer.manifest.threshold.promised_rate, validation=_rejected(validation), test_good=test_good
        ),
        detection_rate={kind: _rejected([record for record in test if record.kind == kind]) for kind in kinds},
        validation_vs_test_good_auroc=_session_difference(validation, good),
        background_only_auroc=_background(test),
        images=_counts([*images.train, *images.validation, *images.test]),
        problems=tuple(map(printable, (*images.problems, *truth.problems()))),
        doubts=doubts,
        synthetic_detection=dict(scorer.manifest.synthetic_detection),
        odd_images=scorer.manifest.odd_images,
        settings=scorer.line.model_dump(mode="json"),
        seed=scorer.manifest.seed,
        weights=TypeAdapter(dict[str, Any]).dump_python(dict(scorer.manifest.weights), mode="json"),
        snapshot=scorer.manifest.snapshot,
        data=images.digest,
        timing=_timing(len(validation) + len(test), seconds, batch),
        records=(*validation, *test),
        cases=cases.cases(),
    )


def _record(scored: ScoredImage) -> ImageRecord:
    return ImageRecord(
        key=scored.file.key,
        kind=scored.file.kind,
        score=scored.score.value,
        anomalous=scored.score.anomalous,
        branches=dict(scored.score.branches),
        explanations=tuple(scored.score.explanations),
        background=scored.background,
    )


def _branches(test: Sequence[ImageRecord]) -> dict[str, AurocByKind]:
    """Measure every branch that all images have, then the full score."""
    common = [name for name in test[0].branches if all(name in record.branches for record in test)]
    figures = {name: _auroc_of_branch(test, name) for name in common if name != FULL}
    return {**figures, FULL: auroc_by_kind(test, lambda record: record.score)}


def _auroc_of_branch(test: Sequence[ImageRecord], name: str) -> AurocByKind:
    return auroc_by_kind(test, lambda record: record.branches[name])


def _background(test: Sequence[ImageRecord]) -> AurocByKind | None:
    if any(record.background is None for record in test):
        return None
    return auroc_by_kind(test, lambda record: record.background or 0.0)


def _rejected(records: Sequence[ImageRecord]) -> Rate:
    return Rate.of(sum(record.anomalous for record in records), len(records))


def _session_difference(validation: Sequence[ImageRecord], good: Sequence[ImageRecord]) -> float | None:
    if not validation or not good:
        return None
    scores = [np.array([record.score for record in records]) for records in (validation, good)]
    return 100 * auroc(scores[0], scores[1])


def _counts(files: Iterable[ImageFile]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {"train": {}, "validation": {}, "test": {}}
    for (split, kind), count in Counter((file.split, file.kind) for file in files).items():
        counts[split][kind] = count
    return counts


def _timing(images: int, seconds: float, batch: int) -> Timing:
    return Timing(images=images, seconds=seconds, milliseconds_per_image=1000 * seconds / images, batch=batch)
