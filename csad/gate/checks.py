"""The checks of the gate: pure functions from scored images to figures, a verdict and its reason."""

from collections.abc import Callable, Sequence
from enum import StrEnum

import numpy as np

from csad.common.humanize import plain, plural
from csad.config.settings import GateSettings
from csad.evaluation.figures import ImageRecord, Rate, Record
from csad.gate.bootstrap import (
    FEW_IMAGES,
    Difference,
    Pair,
    auroc_difference,
    decision_difference,
    rate_difference,
)
from csad.images.records import GOOD
from csad.metrics.auroc import auroc, auroc_interval

SEED = 0
"""Random seed of every bootstrap: the same images give the same decision."""

SYNTHETIC_LOGICAL = "synthetic_extra_component"
SYNTHETIC_STRUCTURAL = "synthetic_coloured_spot"
SYNTHETIC_KINDS = frozenset({SYNTHETIC_LOGICAL, SYNTHETIC_STRUCTURAL})
"""Kinds of anomalies that were made from good images. A test folder named `synthetic_scratch` holds real ones."""

TEST = "test/"
"""Begins the keys of images that nothing was chosen by."""

Values = Callable[[Sequence[ImageRecord], str], np.ndarray]


class Rule(StrEnum):
    """What a check looks at."""

    FLOOR = "floor"
    DETECTION = "detection"
    FALSE_REJECTS = "false rejects"
    REGRESSION = "regression"
    MORE_FALSE_REJECTS = "more false rejects"
    DECISIONS = "decisions"
    LATENCY = "latency"
    SLOWER = "slower"


class Check(Record):
    """One check.

    Attributes:
        rule: What it looks at.
        subject: Kind of anomaly, or what else was measured.
        passed: The verdict.
        reason: In a sentence.
        challenger: The figure of the new model.
        champion: The figure of the model in service; null where the check needs none.
        limit: What the figure, or the difference of the two, was held against.
        interval: Interval of the challenger's figure (95 %), or of the difference (90 %) where there is a champion.
        images: Good and anomalous images behind it.
    """

    rule: Rule
    subject: str
    passed: bool
    reason: str
    challenger: float | None = None
    champion: float | None = None
    limit: float | None = None
    interval: tuple[float, float] | None = None
    images: tuple[int, int] = (0, 0)


def check_floor(challenger: Sequence[ImageRecord], settings: GateSettings) -> list[Check]:
    """Every kind of anomaly must reach the least detection AUROC; of synthetic ones the best kind.

    Nobody could see a part pasted into a texture, so a synthetic kind by itself proves nothing against a model.
    """
    good = _scores(challenger, GOOD)
    anomalous = {kind: _scores(challenger, kind) for kind in kinds_of(challenger)}
    areas = {kind: auroc(good, scores) for kind, scores in anomalous.items()}
    best_synthetic = max((area for kind, area in areas.items() if kind in SYNTHETIC_KINDS), default=0.0)
    checks = []
    for kind, area in areas.items():
        passed = (best_synthetic if kind in SYNTHETIC_KINDS else area) >= settings.minimum_auroc
        reason = f"{plain(kind)}: detection AUROC {area:.3f}, "
        reason += f"{'at least' if area >= settings.minimum_auroc else 'less than'} {settings.minimum_auroc:g}"
        if passed and area < settings.minimum_auroc:
            reason += f"; synthetic anomalies may be invisible, and another kind reaches {best_synthetic:.3f}"
        checks.append(
            Check(
                rule=Rule.FLOOR,
                subject=kind,
                passed=passed,
                reason=reason,
                challenger=area,
                limit=settings.minimum_auroc,
                interval=auroc_interval(area, len(good), len(anomalous[kind])),
                images=(len(good), len(anomalous[kind])),
            )
        )
    return checks


def check_detection(challenger: Sequence[ImageRecord]) -> Check:
    """Some anomaly must be found at the threshold: a model that rejects nothing decides nothing, however it ranks."""
    found = np.concatenate([_rejected(challenger, kind) for kind in kinds_of(challenger)] or [np.zeros(0)])
    return Check(
        rule=Rule.DETECTION,
        subject="anomalies",
        passed=bool(found.any()) or not len(found),
        reason=f"{int(found.sum())} of {plural(len(found), 'anomalous image')} found at the threshold",
        challenger=float(found.mean()) if len(found) else None,
        images=(0, len(found)),
    )


def check_false_rejects(challenger: Sequence[ImageRecord], settings: GateSettings) -> Check:
    """Not more good images may be rejected than allowed, of those that did not set the threshold.

    A few that may be chance do not count where the images are enough for one rejection at the allowed rate (10 images
    at 10 %); with fewer any excess counts. Without a single independent image nothing is known, and no model passes.
    """
    decisions = _rejected([record for record in challenger if record.key.startswith(TEST)], GOOD)
    rate = Rate.of(int(decisions.sum()), len(decisions))
    maximum = settings.maximum_false_reject_rate
    exceeds = (rate.rate or 0.0) > maximum
    too_few = rate.images * maximum < 1
    passed = rate.images > 0 and rate.interval[0] <= maximum and not (exceeds and too_few)
    seen = f"{rate.rejected} of {plural(rate.images, 'good image')} rejected"
    limit = f"{maximum:.1%}"
    if rate.images == 0:
        reason = (
            "no good images that neither trained nor set the threshold: nothing shows how many good products the model "
            "rejects; add images of other good products as test/good"
        )
    elif exceeds and too_few and rate.interval[0] <= maximum:
        reason = (
            f"{seen}: more than {limit}, and too few to call it chance; add images of other good products to test/good"
        )
    elif passed and exceeds:
        reason = f"{seen}: more than {limit}, which may be chance with so few"
    elif passed:
        reason = f"{seen}, not more than {limit}"
    else:
        reason = f"{seen}: significantly more than {limit}"
    return Check(
        rule=Rule.FALSE_REJECTS,
        subject="good images",
        passed=passed,
        reason=reason,
        challenger=rate.rate,
        limit=settings.maximum_false_reject_rate,
        interval=rate.interval,
        images=(rate.images, 0),
    )


def check_regression(
    challenger: Sequence[ImageRecord], champion: Sequence[ImageRecord], settings: GateSettings
) -> list[Check]:
    """No kind of anomaly may have a lower detection AUROC than with the champion.

    Args:
        challenger: The frozen images, scored by the new model.
        champion: The same images in the same order, scored by the model in service.
        settings: Limits.
    """
    good = _pair(_scores, challenger, champion, GOOD)
    checks = []
    for kind in kinds_of(challenger):
        anomalous = _pair(_scores, challenger, champion, kind)
        difference = auroc_difference(good, anomalous, SEED)
        passed, judgement = _judge_loss(-difference.estimate, -difference.high, settings)
        figures = [auroc(getattr(good, who), getattr(anomalous, who)) for who in ("challenger", "champion")]
        checks.append(
            Check(
                rule=Rule.REGRESSION,
                subject=kind,
                passed=passed,
                reason=f"AUROC on {plain(kind)} {_signed(difference)}: {judgement}",
                challenger=figures[0],
                champion=figures[1],
                limit=-settings.tolerated_loss,
                interval=(difference.low, difference.high),
                images=(len(good.challenger), len(anomalous.challenger)),
            )
        )
    return checks


def check_more_false_rejects(
    challenger: Sequence[ImageRecord], champion: Sequence[ImageRecord], settings: GateSettings
) -> Check:
    """Not more good images may be rejected than by the champion; arguments as in `check_regression`."""
    rejected = _pair(_rejected, challenger, champion, GOOD)
    difference = rate_difference(rejected, SEED)
    passed, judgement = _judge_loss(difference.estimate, difference.low, settings)
    return Check(
        rule=Rule.MORE_FALSE_REJECTS,
        subject="good images",
        passed=passed,
        reason=f"rejected good images {_signed(difference)}: {judgement}",
        challenger=float(rejected.challenger.mean()),
        champion=float(rejected.champion.mean()),
        limit=settings.tolerated_loss,
        interval=(difference.low, difference.high),
        images=(len(rejected.challenger), 0),
    )


def check_decisions(
    challenger: Sequence[ImageRecord], champion: Sequence[ImageRecord], settings: GateSettings
) -> list[Check]:
    """At their thresholds the new model may not miss significantly more anomalies; arguments as in `check_regression`.

    The measure is found anomalies less rejected good images. A threshold rests on few images and moves from one
    training to the next, so only a loss that is both sure and larger than `maximum_loss` counts.
    """
    good = _pair(_rejected, challenger, champion, GOOD)
    checks = []
    for kind in kinds_of(challenger):
        anomalous = _pair(_rejected, challenger, champion, kind)
        difference = decision_difference(good, anomalous, SEED)
        passed = difference.high >= -settings.maximum_loss
        verdict = "not significantly more than" if passed else "significantly more than"
        figures = [
            float(getattr(anomalous, who).mean() - getattr(good, who).mean()) for who in ("challenger", "champion")
        ]
        checks.append(
            Check(
                rule=Rule.DECISIONS,
                subject=kind,
                passed=passed,
                reason=f"{plain(kind)} found at the threshold, less rejected good images, {_signed(difference)}: "
                f"{verdict} {settings.maximum_loss:g} lost",
                challenger=figures[0],
                champion=figures[1],
                limit=-settings.maximum_loss,
                interval=(difference.low, difference.high),
                images=(len(good.challenger), len(anomalous.challenger)),
            )
        )
    return checks


def check_latency(challenger: float, champion: float | None, images: int, settings: GateSettings) -> list[Check]:
    """An image may not take too long, in milliseconds or in multiples of the champion's time.

    Args:
        challenger: Median milliseconds for one image, the new model.
        champion: The same of the model in service, on the same machine and images; None without one.
        images: Images behind the medians.
        settings: Limits.
    """
    checks = []
    budget = settings.latency_milliseconds
    if budget is not None:
        passed = challenger <= budget
        checks.append(
            Check(
                rule=Rule.LATENCY,
                subject="median of one image",
                passed=passed,
                reason=f"{challenger:.1f} ms an image, {'not more' if passed else 'more'} than {budget:g} ms",
                challenger=challenger,
                limit=budget,
                images=(images, 0),
            )
        )
    if champion is not None:
        ratio = challenger / champion
        passed = ratio <= settings.latency_ratio
        checks.append(
            Check(
                rule=Rule.SLOWER,
                subject="median of one image",
                passed=passed,
                reason=f"{challenger:.1f} ms an image, {ratio:.2f} times the champion's {champion:.1f} ms, "
                f"{'not more' if passed else 'more'} than {settings.latency_ratio:g} times",
                challenger=challenger,
                champion=champion,
                limit=settings.latency_ratio,
                images=(images, 0),
            )
        )
    return checks


def kinds_of(records: Sequence[ImageRecord]) -> list[str]:
    """Kinds of anomalies, sorted."""
    return sorted({record.kind for record in records} - {GOOD})


def _judge_loss(estimate: float, bound: float, settings: GateSettings) -> tuple[bool, str]:
    """Whether a loss is acceptable, and why.

    Args:
        estimate: Estimate of the loss; below 0 is a gain.
        bound: End of its interval towards a gain: the loss is at least that, 95 % sure.
        settings: Limits.
    """
    if bound > settings.tolerated_loss:
        return False, f"significant regression by more than {settings.tolerated_loss:g}"
    if estimate > settings.maximum_loss:
        return False, f"worse by more than {settings.maximum_loss:g}, though not significantly with so few images"
    if estimate > settings.tolerated_loss:
        return True, "worse, but not significantly on these images"
    return True, "no worse" if estimate <= 0 else f"worse by not more than {settings.tolerated_loss:g}"


def _scores(records: Sequence[ImageRecord], kind: str) -> np.ndarray:
    return np.array([record.score for record in records if record.kind == kind], dtype=np.float64)


def _rejected(records: Sequence[ImageRecord], kind: str) -> np.ndarray:
    return np.array([record.anomalous for record in records if record.kind == kind], dtype=np.float64)


def _pair(take: Values, challenger: Sequence[ImageRecord], champion: Sequence[ImageRecord], kind: str) -> Pair:
    return Pair(take(challenger, kind), take(champion, kind))


def _signed(difference: Difference) -> str:
    few = f", widened for only {plural(difference.images, 'image')}" if difference.images < FEW_IMAGES else ""
    return f"{difference.estimate:+.3f} ({difference.low:+.3f} to {difference.high:+.3f}{few})"
