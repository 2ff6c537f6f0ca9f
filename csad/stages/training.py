"""All stages in order, without a pipeline: what `csad train` does."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from csad.common.humanize import duration
from csad.config.line import ProductLine
from csad.images.outputs import require_apart
from csad.pseudo_labels import gallery_page
from csad.runner.files import replace_folder, translate_os_errors
from csad.runner.model_place import require_model_or_nothing
from csad.runner.needed_weights import warn_of_idle_pins
from csad.runner.stage import NO_OPTIONS, RECORD
from csad.runner.stage_order import DATA, ORDER
from csad.runner.stage_runner import StageResult, StageRunner
from csad.stages import clustering, evaluation, statistics
from csad.stages.clustering import ClusteringSummary
from csad.stages.evaluation import EvaluationSummary
from csad.stages.gallery import stages_of
from csad.stages.order import STAGES
from csad.stages.statistics import StatisticsSummary

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingResult:
    """A finished training.

    Attributes:
        model: The model folder.
        statistics: Threshold and weights of the branches.
        evaluation: Figures on the test images, where they were asked for.
        report: The evaluation's page, where it was asked for.
    """

    model: Path
    statistics: StatisticsSummary
    evaluation: EvaluationSummary | None = None
    report: Path | None = None


def train(line: ProductLine, data: Path, output: Path, seed: int, evaluate: bool = False) -> TrainingResult:
    """Train the scorer of a line; finished stages are kept in `<output>.stages` and reused while nothing changes.

    Args:
        line: Product line.
        data: LOCO layout or a flat folder of good images.
        output: The model folder; it appears, or is replaced, when the model is whole.
        seed: Same data, line, seed, device and threads give the same scores.
        evaluate: Measure the model on the test images too.

    Raises:
        CsadError: A stage failed; what was finished before is kept.
    """
    require_model_or_nothing(output)
    for folder in (output, stages_of(output)):
        require_apart(data, folder, "--output")
    warn_of_idle_pins(line)
    started = time.time()
    runner = StageRunner(stages_of(output), line, seed)
    done: dict[str, StageResult[Any]] = {}
    with runner.working():
        for step in ORDER:
            if step.name == evaluation.STAGE.name and not evaluate:
                continue
            inputs = {name: data if source == DATA else done[source].folder for name, source in step.inputs.items()}
            done[step.name] = runner.run(STAGES[step.name], NO_OPTIONS, **inputs)
            if step.name == clustering.STAGE.name:
                _repeat_doubts(done[step.name])
        fitted = done[statistics.STAGE.name]
        with translate_os_errors(output):
            replace_folder(fitted.folder, output.resolve(), leave_out=(RECORD,))
        runner.prune(since=started)
    result = TrainingResult(output, fitted.summary)
    if measured := done.get(evaluation.STAGE.name):
        result = TrainingResult(output, fitted.summary, measured.summary, measured.folder / evaluation.REPORT)
    _log.info("components that were found: %s", done[clustering.STAGE.name].folder / gallery_page.FILE)
    _log.info("model in %s after %s: %s", output, duration(time.time() - started), fitted.summary.headline())
    return result


def _repeat_doubts(clustered: StageResult[ClusteringSummary]) -> None:
    """Say what is doubtful about pseudo-labels that an earlier run made; a new clustering has said so itself."""
    if clustered.reused:
        for doubt in clustered.summary.doubts:
            _log.warning("pseudo-labels are doubtful: %s", doubt)
