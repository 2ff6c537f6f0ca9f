"""All stages in order, without a pipeline: what `csad train` does."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path

from csad.common.humanize import duration
from csad.config.line import ProductLine
from csad.images.outputs import require_apart
from csad.pseudo_labels import gallery_page
from csad.runner.files import replace_folder, translate_os_errors
from csad.runner.model_place import require_model_or_nothing
from csad.runner.stage import RECORD
from csad.runner.stage_runner import StageRunner
from csad.stages import clustering, evaluation, ingest, lgst, masks, segnet, statistics, tagging
from csad.stages.evaluation import EvaluationSummary
from csad.stages.gallery import stages_of
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
    started = time.time()
    runner = StageRunner(stages_of(output), line, seed)
    with runner.working():
        images = runner.run(ingest.STAGE, data=data).folder
        tags = runner.run(tagging.STAGE, images=images).folder
        proposed = runner.run(masks.STAGE, images=images, tags=tags).folder
        clustered = runner.run(clustering.STAGE, images=images, masks=proposed)
        if clustered.reused:
            for doubt in clustered.summary.doubts:
                _log.warning("pseudo-labels are doubtful: %s", doubt)
        labels = clustered.folder
        network = runner.run(segnet.STAGE, images=images, pseudo_labels=labels).folder
        students = runner.run(lgst.STAGE, images=images).folder
        fitted = runner.run(statistics.STAGE, images=images, pseudo_labels=labels, segnet=network, lgst=students)
        measured = None
        if evaluate:
            measured = runner.run(evaluation.STAGE, images=images, pseudo_labels=labels, model=fitted.folder)
        with translate_os_errors(output):
            replace_folder(fitted.folder, output.resolve(), leave_out=(RECORD,))
        runner.prune(since=started)
    result = TrainingResult(output, fitted.summary)
    if measured:
        result = TrainingResult(output, fitted.summary, measured.summary, measured.folder / evaluation.REPORT)
    _log.info("components that were found: %s", labels / gallery_page.FILE)
    _log.info("model in %s after %s: %s", output, duration(time.time() - started), fitted.summary.headline())
    return result
