"""What the service answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from csad.serving.problems import ProblemBody

if TYPE_CHECKING:
    from csad.scoring.model_folder import Manifest
    from csad.scoring.scorer import Score


class Answer(BaseModel):
    """Base of the answers."""

    model_config = ConfigDict(frozen=True)


class ModelName(Answer):
    """Which model decided."""

    line: str = Field(description="Product line.")
    version: str = Field(description="Version in the registry, or local-... for a plain folder.")


class ScoreAnswer(Answer):
    """The decision on one image."""

    score: float = Field(description="Larger is more anomalous.")
    threshold: float = Field(description="Above it the image is rejected.")
    anomalous: bool = Field(description="The decision.")
    branches: dict[str, float] = Field(description="Normalised score of each branch and group of branches.")
    explanations: tuple[str, ...] = Field(
        description="What is unusual about the components, a sentence each, worst first."
    )
    findings: tuple[str, ...] = Field(
        description="Old name of explanations; the next release leaves it out.", json_schema_extra={"deprecated": True}
    )
    model: ModelName

    @classmethod
    def of(cls, score: Score, model: ModelName) -> ScoreAnswer:
        """Take what is answered out of a score."""
        return cls(
            score=score.value,
            threshold=score.threshold,
            anomalous=score.anomalous,
            branches=score.branches,
            explanations=score.explanations,
            findings=score.explanations,
            model=model,
        )


class BatchItem(Answer):
    """One image of a batch: its result, or what is wrong with it."""

    name: str = Field(description="File name as sent, or its position in the JSON list.")
    result: ScoreAnswer | None = None
    error: ProblemBody | None = None


class BatchAnswer(Answer):
    """The decisions on several images, in their order."""

    results: tuple[BatchItem, ...]
    model: ModelName


class Explanation(ScoreAnswer):
    """The decision on one image, and where it differs from good ones."""

    overlay: str = Field(description="The image with the unusual places marked: data:image/png;base64,...")


class ThresholdAnswer(Answer):
    """Where the decision is made."""

    value: float
    false_reject_rate: float = Field(description="Fraction of good products that may be rejected.")
    promised_rate: float = Field(description="The rate that so many good images can promise.")
    interval: tuple[float, float] = Field(description="95 % confidence interval of that fraction.")
    images: int = Field(description="Good images behind it.")
    note: str


class ModelAnswer(Answer):
    """Where the model comes from and how it decides."""

    line: str
    version: str
    created: str
    csad: str = Field(description="Version of csad that trained it.")
    snapshot: str = Field(description="Digest of the data that trained it.")
    seed: int
    threshold: ThresholdAnswer
    normal_scores: tuple[float, ...] = Field(description="Scores of the good images that calibrate, ascending.")
    metrics: dict[str, float | None] = Field(description="Figures of its evaluation, where they were packed with it.")
    branch_weights: dict[str, float]
    weights: dict[str, dict[str, str]] = Field(description="Pretrained weights behind it.")
    classes: int = Field(description="Component classes.")
    types: int = Field(description="Product types.")
    canvas: tuple[int, int] = Field(description="Width and height that images are brought to.")
    checksum: str = Field(description="SHA-256 of the manifest.")
    runtime: str = Field(description="What computes it: name, version and precision.")

    @classmethod
    def of(cls, manifest: Manifest, model: ModelName, metrics: dict[str, float | None], runtime: str) -> ModelAnswer:
        """Describe a model folder and what computes it."""
        return cls(
            line=model.line,
            version=model.version,
            created=manifest.created,
            csad=manifest.version,
            snapshot=manifest.snapshot,
            seed=manifest.seed,
            threshold=ThresholdAnswer(**manifest.threshold.model_dump()),
            normal_scores=tuple(sorted(manifest.normal_scores)),
            metrics=metrics,
            branch_weights=dict(manifest.fusion.weights),
            weights=manifest.weights,
            classes=manifest.classes,
            types=manifest.types,
            canvas=(manifest.canvas.width, manifest.canvas.height),
            checksum=manifest.checksum,
            runtime=runtime,
        )
