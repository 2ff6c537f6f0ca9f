"""The gate: may a new model take the place of the one in service?

Both models are judged on the same frozen images (csad.gate.exam) by the same checks
(csad.gate.checks): a floor, rejected good images, no loss on any kind of anomaly against the champion, and the
time for one image. The first model of a line has no champion: the floor, the rejected good images and the budget of
milliseconds alone decide.

Anomalous images judge here, which is what a gate is for. They choose nothing: no threshold, no weight and no setting
of any model comes from this module, its limits are settings of the line, and the pointer to the champion is not moved.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from csad.common.errors import DeploymentError, ModelFolderError
from csad.common.humanize import plural
from csad.config.line import ProductLine
from csad.config.settings import GateSettings
from csad.evaluation.figures import ImageRecord
from csad.gate import checks as gate_checks
from csad.gate.branches import find_collapsed
from csad.gate.checks import Check
from csad.gate.decision import GateDecision, Judged, write_decision
from csad.gate.exam import Exam
from csad.images import ImageSet
from csad.images.records import GOOD
from csad.imaging.canvas import Canvas
from csad.runner.snapshot import open_snapshot
from csad.scoring.model_folder import Manifest
from csad.scoring.scorer import Scorer
from csad.stages.evaluation import FIGURES

SAME_SCORE = 0.01
"""Difference of a score between machines, per 1.0 of a score above 1, up to which it is the same score."""

COMPARED = 5
"""Images whose scores are computed again, to see that the evaluation is of this model."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Contender:
    """A model that takes part.

    Attributes:
        scorer: The model.
        version: In the registry; empty where it has none.
    """

    scorer: Scorer
    version: str = ""

    @property
    def manifest(self) -> Manifest:
        """Where the model comes from."""
        return self.scorer.manifest


def decide(
    line: ProductLine,
    challenger: Path,
    evaluation: Path,
    images: Path,
    champion: Path | None,
    output: Path,
    champion_version: str = "",
) -> GateDecision:
    """Judge a new model and write gate.json and gate.html.

    Args:
        line: Product line; `line.gate` holds the limits.
        challenger: Model folder of the new model.
        evaluation: Output of `evaluation`, of the same model on the same images: its scores are not computed again.
        images: Output of `ingest`.
        champion: Model folder of the one in service; None for the first model of a line.
        output: Folder for gate.json and gate.html.
        champion_version: What the registry calls the champion.

    Raises:
        DeploymentError: The inputs do not belong together, or the champion cannot be loaded.
        CsadError: An input is missing or damaged, or the output cannot be written.
    """
    scorer = Scorer.load(challenger)
    dataset = open_snapshot(images)
    known = read_known(evaluation, scorer.manifest, dataset)
    decision = judge(line, Contender(scorer), load_champion(champion, champion_version), dataset, known)
    write_decision(decision, output)
    return decision


def load_champion(folder: Path | None, version: str = "") -> Contender | None:
    """Load the model in service; None where there is no folder.

    Raises:
        DeploymentError: It cannot be loaded.
    """
    if folder is None:
        return None
    try:
        return Contender(Scorer.load(folder), version)
    except ModelFolderError as error:
        raise DeploymentError(
            f"the champion {version or folder} cannot be loaded, so nothing can be compared with it: {error}; "
            "or promote another version yourself: csad models promote"
        ) from error


def judge(
    line: ProductLine,
    challenger: Contender,
    champion: Contender | None,
    images: ImageSet,
    known: Sequence[ImageRecord] = (),
) -> GateDecision:
    """Judge a new model.

    Args:
        line: Product line; `line.gate` holds the limits.
        challenger: The new model.
        champion: The one in service, if there is one.
        images: The frozen data set.
        known: Scores of the challenger that its evaluation has already; others are computed.

    Raises:
        DeploymentError: A model is of another line, or the known scores are not the challenger's.
        DatasetError: No good images to judge on.
    """
    _require_line(line, challenger, champion)
    exam = Exam.of(images)
    mine = _known_records(exam, known, challenger.scorer) or exam.score(challenger.scorer, "new model")
    contenders = [challenger, *([champion] if champion else [])]
    scorers = [contender.scorer for contender in contenders]
    records = [mine, *([exam.score(champion.scorer, "champion")] if champion else [])]
    record = challenger.manifest.canvas
    for of_model, made in zip(
        records, exam.score_made(scorers, Canvas(record.box, record.height, record.width)), strict=True
    ):
        of_model += made
    times = exam.time(scorers)
    checks = run_checks(records[0], records[1] if champion else None, times, exam.timed, line.gate)
    judged = [_judged(contender, taken) for contender, taken in zip(contenders, times, strict=True)]
    decision = GateDecision(
        line=line.name,
        accepted=all(check.passed for check in checks),
        reason=explain(checks, champion is not None),
        challenger=judged[0],
        champion=judged[1] if champion else None,
        judged_on=_judged_on(exam, records[0]),
        data=images.digest,
        checks=tuple(checks),
        notices=tuple(find_collapsed(records[0], records[1] if champion else None, challenger.manifest.fusion.weights)),
        settings=line.gate,
        csad=metadata.version("csad"),
    )
    for notice in decision.notices:
        _log.warning("gate: %s", notice)
    _log.info("gate: %s: %s", "accepted" if decision.accepted else "refused", decision.reason)
    return decision


def run_checks(
    challenger: Sequence[ImageRecord],
    champion: Sequence[ImageRecord] | None,
    milliseconds: Sequence[float],
    timed: int,
    settings: GateSettings,
) -> list[Check]:
    """Run every check that applies.

    Args:
        challenger: The images, scored by the new model.
        champion: The same images in the same order, scored by the one in service; None without one.
        milliseconds: Median time for one image of the challenger and, with one, of the champion.
        timed: Images behind these medians.
        settings: Limits.

    Raises:
        DeploymentError: The two were not scored on the same images.
    """
    checks = [
        *gate_checks.check_floor(challenger, settings),
        gate_checks.check_detection(challenger),
        gate_checks.check_false_rejects(challenger, settings),
    ]
    if champion is None:
        return checks + gate_checks.check_latency(milliseconds[0], None, timed, settings)
    if [record.key for record in challenger] != [record.key for record in champion]:
        raise DeploymentError("the two models were scored on different images; run the evaluation and the gate again")
    return [
        *checks,
        *gate_checks.check_regression(challenger, champion, settings),
        gate_checks.check_more_false_rejects(challenger, champion, settings),
        *gate_checks.check_decisions(challenger, champion, settings),
        *gate_checks.check_latency(milliseconds[0], milliseconds[1], timed, settings),
    ]


def explain(checks: Sequence[Check], has_champion: bool) -> str:
    """Say in a sentence why the checks end as they do."""
    failed = [check.reason for check in checks if not check.passed]
    if failed:
        return "; ".join(failed)
    if not has_champion:
        return f"the first model of its line passes all {plural(len(checks), 'check')}"
    return f"no worse than the champion: all {plural(len(checks), 'check')} pass"


class _Evaluated(BaseModel):
    """What the gate reads of evaluation.json; a data set without test images leaves only the line."""

    model_config = ConfigDict(frozen=True)

    line: str
    data: str | None = None
    snapshot: str | None = None
    records: tuple[ImageRecord, ...] = ()


def read_known(evaluation: Path, manifest: Manifest, images: ImageSet) -> tuple[ImageRecord, ...]:
    """Read the scores of an evaluation; there are none where the data have no test images.

    Args:
        evaluation: Output of `evaluation`.
        manifest: Manifest of the model.
        images: The frozen data set.

    Raises:
        DeploymentError: It is missing, damaged, or of other images or another model.
    """
    path = evaluation / FIGURES
    try:
        found = _Evaluated.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise DeploymentError(f"{path} cannot be read as an evaluation; run the evaluation again") from error
    for what, of, expected in (
        ("images", found.data, images.digest),
        ("model", found.snapshot, manifest.snapshot),
    ):
        if of is not None and of != expected:
            raise DeploymentError(
                f"{path} is of other {what}: digest {of[:12]}, expected {expected[:12]}; run the evaluation again"
            )
    return found.records


def _known_records(exam: Exam, known: Sequence[ImageRecord], scorer: Scorer) -> list[ImageRecord]:
    """The exam's records from an evaluation; none where it lacks one.

    Raises:
        DeploymentError: The model scores some of them differently.
    """
    by_key = {record.key: record for record in known}
    if any(file.key not in by_key for file in exam.files):
        return []
    step = max(1, len(exam.files) // COMPARED)
    sample = Exam(exam.files[::step][:COMPARED], (), ())
    for record in sample.score(scorer, "new model, a few images again"):
        before = by_key[record.key].score
        if abs(record.score - before) > SAME_SCORE * max(1.0, abs(before)):
            raise DeploymentError(
                f"the evaluation is not of this model: {record.key} scored {before:.4g} there and scores "
                f"{record.score:.4g} now; run the evaluation again"
            )
    return [by_key[file.key] for file in exam.files]


def _require_line(line: ProductLine, challenger: Contender, champion: Contender | None) -> None:
    for who, contender in (("new model", challenger), ("champion", champion)):
        if contender is not None and contender.scorer.line.name != line.name:
            raise DeploymentError(
                f"the {who} is of line {contender.scorer.line.name}, expected {line.name}; give a model of this line"
            )


def _judged(contender: Contender, milliseconds: float) -> Judged:
    manifest = contender.manifest
    return Judged(
        version=contender.version,
        checksum=manifest.checksum,
        snapshot=manifest.snapshot,
        seed=manifest.seed,
        created=manifest.created,
        milliseconds=milliseconds,
    )


def _judged_on(exam: Exam, records: Sequence[ImageRecord]) -> str:
    split = exam.good[0].split
    good = f"{plural(len(exam.good), f'good {split} image')}"
    anomalous = sum(record.kind != GOOD for record in records)
    if exam.anomalous:
        return f"{good} and {plural(anomalous, 'anomalous test image')}"
    chosen = " (which chose the threshold: their rejects are optimistic)" if split == "validation" else ""
    return f"{good}{chosen} and {plural(anomalous, 'synthetic anomalous image')}: the data have no anomalous ones"
