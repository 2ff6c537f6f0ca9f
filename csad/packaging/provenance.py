"""Where a packaged model comes from: what is recorded with it, for good."""

import json
import platform
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from csad.common.commit import UNKNOWN
from csad.common.errors import DeploymentError
from csad.config.line import ProductLine
from csad.evaluation.figures import AurocByKind
from csad.scoring.model_folder import Manifest
from csad.stages.evaluation import FIGURES
from csad.store.registry import ModelLabels

OTHER_FIGURES = frozenset({"mean", "false_reject_rate"})
"""Figures on record that are no types of anomaly; a kind of such a name is told apart."""
PACKAGES = (
    "bentoml",
    "csad",
    "numpy",
    "pillow",
    "safetensors",
    "scikit-learn",
    "scipy",
    "timm",
    "torch",
    "torchvision",
)
"""What scores depend on."""


@dataclass(frozen=True)
class Provenance:
    """Where a model comes from.

    Attributes:
        line: Product line.
        snapshot: Digest of the data that trained it.
        git_commit: Git commit of the code; "unknown" where nobody said.
        config_digest: Digest of the line's settings that make a scorer.
        seed: Random seed of the run.
        checksum: Checksum of the model's manifest.
        created: When it was trained, ISO 8601.
        scores: AUROC of its evaluation in percent by kind, "false_reject_rate" as a fraction; None where unknown.
        score_kinds: Which kinds of anomalies the scores "logical", "structural" and "mean" are over.
        packages: Versions of what scores depend on, Python among them.
    """

    line: str
    snapshot: str
    git_commit: str
    config_digest: str
    seed: int
    checksum: str
    created: str
    scores: dict[str, float | None]
    score_kinds: dict[str, tuple[str, ...]]
    packages: dict[str, str]

    @classmethod
    def of(
        cls,
        manifest: Manifest,
        git_commit: str,
        scores: dict[str, float | None],
        score_kinds: dict[str, tuple[str, ...]] | None = None,
    ) -> "Provenance":
        """Describe a model folder, packaged here and now."""
        line = ProductLine.from_model(manifest.line)
        return cls(
            line=line.name,
            snapshot=manifest.snapshot,
            git_commit=git_commit.strip() or UNKNOWN,
            config_digest=line.digest(),
            seed=manifest.seed,
            checksum=manifest.checksum,
            created=manifest.created,
            scores=scores,
            score_kinds=score_kinds or {},
            packages=_versions(),
        )

    def registry_labels(self) -> ModelLabels:
        """The part that the registry keeps."""
        return ModelLabels(
            line=self.line,
            snapshot_digest=self.snapshot,
            git_commit=self.git_commit,
            config_digest=self.config_digest,
            seed=self.seed,
            scores=self.scores,
            score_kinds=self.score_kinds,
        )

    def bento_labels(self) -> dict[str, str]:
        """All of it as the texts that a Bento can hold."""
        return {
            name: value if isinstance(value, str) else json.dumps(value, sort_keys=True)
            for name, value in asdict(self).items()
        }

    def to_json(self) -> str:
        """All of it, for provenance.json."""
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"


class _Figures(BaseModel):
    """What is read of evaluation.json."""

    model_config = ConfigDict(frozen=True)

    line: str
    image_auroc: AurocByKind | None = None
    false_reject_rate: float | None = None


def read_scores(evaluation: Path) -> dict[str, float | None]:
    """Take the figures of a model out of its evaluation.

    Args:
        evaluation: Output of `evaluation`.

    Raises:
        DeploymentError: It is missing or damaged.
    """
    found = _read(evaluation)
    area = found.image_auroc or AurocByKind()
    figures = {"logical": area.logical, "structural": area.structural, "mean": area.mean}
    figures |= {"false_reject_rate": found.false_reject_rate}
    # A kind that has the very name of a figure does not stand for it.
    kinds = {f"kind {kind}" if kind in OTHER_FIGURES else kind: value for kind, value in area.by_kind.items()}
    return kinds | figures


def read_score_kinds(evaluation: Path) -> dict[str, tuple[str, ...]]:
    """Say which kinds of anomalies "logical", "structural" and "mean" are over; what was not measured is left out.

    Raises:
        DeploymentError: Same as for `read_scores`.
    """
    area = _read(evaluation).image_auroc or AurocByKind()
    return dict(area.members) | ({"mean": area.mean_of} if area.mean_of else {})


def _read(evaluation: Path) -> _Figures:
    path = evaluation / FIGURES
    try:
        return _Figures.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise DeploymentError(f"{path} cannot be read as an evaluation; run the evaluation again") from error


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions
