"""What an evaluation measures: records that become JSON, tables and the report."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from csad.evaluation.cases import Case
from csad.metrics.threshold import rate_interval


class Record(BaseModel):
    """Immutable, finite numbers only: JSON knows no NaN."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class AurocByKind(Record):
    """Image AUROC against the good test images, in percent; null where a type is absent.

    Attributes:
        logical: All kinds whose name holds the word "logical", pooled.
        structural: All kinds whose name holds the word "structural", pooled.
        mean: Mean of all that `mean_of` names, each counted once.
        mean_of: The types that are present, and every kind that belongs to neither: no kind is left out.
        members: The kinds that were pooled, by "logical" and "structural".
        by_kind: Every kind of anomaly by the name of its folder.
        intervals: 95 % confidence intervals of the types, by "logical" and "structural".
        kind_intervals: The same of every kind.
    """

    logical: float | None = None
    structural: float | None = None
    mean: float | None = None
    mean_of: tuple[str, ...] = ()
    members: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    by_kind: dict[str, float] = Field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = Field(default_factory=dict)
    kind_intervals: dict[str, tuple[float, float]] = Field(default_factory=dict)


class SproByKind(Record):
    """sPRO in percent by limit of the false positive rate; null where a type has no masks.

    Attributes:
        all: Every kind pooled.
        logical: Logical anomalies with the good images.
        structural: Structural anomalies with the good images.
        mean: Mean of all that `mean_of` names, each counted once.
        mean_of: The types that have masks, and every kind with masks that belongs to neither.
        members: The kinds with masks that were pooled, by "logical" and "structural".
        by_kind: Every kind with masks by the name of its folder.
    """

    all: dict[float, float]
    logical: dict[float, float] | None = None
    structural: dict[float, float] | None = None
    mean: dict[float, float] | None = None
    mean_of: tuple[str, ...] = ()
    members: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    by_kind: dict[str, dict[float, float]] = Field(default_factory=dict)


class Rate(Record):
    """How many of some images were rejected.

    Attributes:
        rate: Fraction, 0..1; null without images.
        rejected: Images above the threshold.
        images: Images.
        interval: 95 % confidence interval of the rate.
    """

    rate: float | None
    rejected: int
    images: int
    interval: tuple[float, float]

    @classmethod
    def of(cls, rejected: int, images: int) -> "Rate":
        """Count and interval to rate."""
        rate = rejected / images if images else None
        return cls(rate=rate, rejected=rejected, images=images, interval=rate_interval(rejected, images))


class FalseRejects(Record):
    """Good images above the threshold.

    Attributes:
        promised: The rate that the threshold was chosen for.
        validation: On the validation images; they chose the threshold, so this is optimistic.
        test_good: On good images that nothing was chosen by.
    """

    promised: float
    validation: Rate
    test_good: Rate


class ImageRecord(Record):
    """One scored image.

    Attributes:
        key: Such as "test/good/000".
        kind: "good" or the type of anomaly.
        score: The scorer's value.
        anomalous: The scorer's decision.
        branches: The value of each branch.
        explanations: What is wrong with it, a sentence each.
        background: Score of the bare background, where the scorer offers one.
    """

    key: str
    kind: str
    score: float
    anomalous: bool
    branches: dict[str, float]
    explanations: tuple[str, ...] = ()
    background: float | None = None


class Timing(Record):
    """How long scoring took, without reading files.

    Attributes:
        images: Images scored.
        seconds: For all of them.
        milliseconds_per_image: On average.
        batch: Images scored at once.
    """

    images: int
    seconds: float
    milliseconds_per_image: float
    batch: int


class Evaluation(Record):
    """How good a scorer is on images whose truth is known.

    Attributes:
        line: Name of the product line.
        image_auroc: Detection by the full score.
        branches: The same by each branch and group of branches; "full" is the full score.
        spro: Localisation; null without masks.
        threshold: An image is rejected above it.
        false_reject_rate: Fraction of the good test images that is rejected; null without any.
        false_rejects: The same with counts and intervals, and on validation images.
        detection_rate: Per kind of anomaly, the images that are rejected.
        validation_vs_test_good_auroc: AUROC, in percent, of good test images against good validation images:
            50 where both were taken alike; far from it the figures hold a difference between recording sessions.
        background_only_auroc: What the bare background alone would reach; far above 50 the sets differ in more than
            the product. Null where the scorer does not offer it.
        images: Images per split and kind.
        problems: Files that were left out and masks that do not count.
        doubts: What counts and may be wrong: masks that are hardly ones, good images under another name.
        synthetic_detection: Fraction of each kind of synthetic anomaly that the threshold finds, 0..1.
        odd_images: Good images of the training that the model would reject, the oddest first.
        settings: The product line's settings.
        seed: Random seed of the training run.
        weights: Pretrained weights behind the model.
        snapshot: Digest of the data that trained the model.
        data: Digest of the data that was evaluated.
        timing: Timing of the scorer.
        records: Every validation and test image.
        cases: Pictures of the most telling images; they are not part of the JSON.
    """

    line: str
    image_auroc: AurocByKind
    branches: dict[str, AurocByKind]
    spro: SproByKind | None
    threshold: float
    false_reject_rate: float | None
    false_rejects: FalseRejects
    detection_rate: dict[str, Rate]
    validation_vs_test_good_auroc: float | None
    background_only_auroc: AurocByKind | None
    images: dict[str, dict[str, int]]
    problems: tuple[str, ...]
    doubts: tuple[str, ...] = ()
    synthetic_detection: dict[str, float] = {}
    odd_images: tuple[str, ...] = ()
    settings: dict[str, Any]
    seed: int
    weights: dict[str, Any]
    snapshot: str
    data: str
    timing: Timing
    records: tuple[ImageRecord, ...]
    cases: tuple[Case, ...] = Field(default=(), exclude=True, repr=False)

    def to_json(self) -> dict[str, Any]:
        """The evaluation for scripts, ready for `json.dumps`."""
        return self.model_dump(mode="json")

    def to_text(self) -> str:
        """The evaluation for people."""
        from csad.evaluation.tables import summary

        return summary(self)
