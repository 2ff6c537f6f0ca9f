"""Stage `evaluation`: how good the scorer is on the test images."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from csad.common import atomic
from csad.common.humanize import plural
from csad.common.pages import render_page
from csad.compute.compute_device import stage_device
from csad.config.line import ProductLine
from csad.evaluation.evaluate import evaluate
from csad.evaluation.figures import Evaluation
from csad.evaluation.report import write_report
from csad.pseudo_labels.record import GALLERY
from csad.runner.files import translate_os_errors
from csad.runner.snapshot import open_snapshot
from csad.runner.stage import Stage
from csad.runner.summary import Summary
from csad.scoring.scorer import Scorer
from csad.stages.gallery import find_doubts
from csad.stages.outside_files import branch_files

FIGURES = "evaluation.json"
TABLE = "evaluation.txt"
REPORT = "report.html"
NOTHING = "not evaluated: the data has no test images (test/good and test/<kind of anomaly>)"


@dataclass(frozen=True)
class EvaluationSummary(Summary):
    """The figures; None where the data cannot tell.

    Attributes:
        auroc_mean: Image AUROC in percent, over what `mean_of` names.
        auroc_logical: Image AUROC in percent.
        auroc_structural: Image AUROC in percent.
        false_reject_rate: Good test images that are rejected, as a fraction.
        threshold: An image is rejected above it.
        images: Test images.
        doubts: What counts and may be wrong: masks that are hardly ones, good images under another name.
        mean_of: The types that are present and every kind of neither, such as "logical, dents".
        kinds: AUROC in percent of every kind of anomaly, by the name of its folder.
    """

    auroc_mean: float | None = None
    auroc_logical: float | None = None
    auroc_structural: float | None = None
    false_reject_rate: float | None = None
    threshold: float | None = None
    images: int = 0
    doubts: int | None = None
    mean_of: str = ""
    kinds: dict[str, float] = field(default_factory=dict)

    def metrics(self) -> dict[str, float]:
        """The fields that are numbers, and a figure per kind of anomaly."""
        return super().metrics() | {f"auroc_kind_{kind}": value for kind, value in self.kinds.items()}

    def headline(self) -> str:
        """One line for people."""
        if not self.images:
            return NOTHING
        mean = f"mean of {self.mean_of}" if "," in self.mean_of else "mean"
        named = {"logical": self.auroc_logical, "structural": self.auroc_structural, mean: self.auroc_mean}
        figures = [f"{name} {value:.1f}" for name, value in named.items() if value is not None]
        rejects = "" if self.false_reject_rate is None else f", {self.false_reject_rate:.1%} of the good rejected"
        doubts = f"; {plural(self.doubts, 'doubt')} in the report" if self.doubts else ""
        return f"AUROC {', '.join(figures) or 'unknown'}{rejects}{doubts}"


def run(line: ProductLine, images: Path, pseudo_labels: Path, model: Path, output: Path) -> EvaluationSummary:
    """Measure a model and write its report; without test images the report says just that.

    Args:
        line: Product line.
        images: Output of `ingest`.
        pseudo_labels: Output of `clustering`; its gallery becomes part of the report.
        model: Output of `statistics`.
        output: Folder for evaluation.json, evaluation.txt and report.html.

    Raises:
        CsadError: An input or the device is missing, an input is damaged, or the output cannot be written.
    """
    dataset = open_snapshot(images)
    doubts = find_doubts(pseudo_labels / GALLERY)
    scorer = Scorer.load(model, str(stage_device("evaluation")))
    if not dataset.test:
        with translate_os_errors(output):
            _write_nothing(line, output, doubts)
        return EvaluationSummary(images=0)
    evaluation = evaluate(scorer, dataset)
    with translate_os_errors(output):
        atomic.write_text(output / FIGURES, json.dumps(evaluation.to_json(), indent=2) + "\n")
        atomic.write_text(output / TABLE, evaluation.to_text() + "\n")
        write_report(
            evaluation, output / REPORT, pseudo_labels / GALLERY, doubts, (*dataset.train, *dataset.validation)
        )
    return _summarise(evaluation, len(dataset.test))


def _summarise(evaluation: Evaluation, images: int) -> EvaluationSummary:
    return EvaluationSummary(
        images=images,
        auroc_logical=evaluation.image_auroc.logical,
        auroc_structural=evaluation.image_auroc.structural,
        auroc_mean=evaluation.image_auroc.mean,
        false_reject_rate=evaluation.false_reject_rate,
        threshold=evaluation.threshold,
        mean_of=", ".join(evaluation.image_auroc.mean_of),
        kinds=dict(evaluation.image_auroc.by_kind),
        doubts=len(evaluation.doubts),
    )


def _write_nothing(line: ProductLine, output: Path, doubts: Sequence[str]) -> None:
    figures = {"line": line.name, "image_auroc": None, "note": NOTHING}
    atomic.write_text(output / FIGURES, json.dumps(figures, indent=2) + "\n")
    atomic.write_text(output / TABLE, NOTHING + "\n")
    page = render_page("stages", "not_evaluated.html", line=line.name, note=NOTHING, doubts=doubts)
    atomic.write_text(output / REPORT, page)


STAGE = Stage(
    name="evaluation", run=run, summary=EvaluationSummary, sections=("name",), reads_tests=True, weights=branch_files
)
