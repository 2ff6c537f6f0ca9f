"""`csad gate`: may a model take the place of the one in service?"""

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from csad.gate.decision import GateDecision

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("model", type=FOLDER)
@click.option("--data", required=True, type=FOLDER, help="Folder of images, best with test/good and test/<kind>.")
@click.option("--champion", type=FOLDER, help="Model folder of the one in service; without it the floor decides.")
@click.option(
    "--line",
    "line_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Product line whose section `gate` holds the limits.  [default: the one that MODEL was trained with]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="HTML file to write, self-contained.")
def gate(
    model: Path, data: Path, champion: Path | None, line_file: Path | None, as_json: bool, report: Path | None
) -> None:
    """Judge MODEL as the pipeline's gate does; nothing is moved.

    Every kind of anomaly must have at least the champion's detection AUROC, as far as the images can
    tell. Without anomalous images, anomalies are made from good ones. Exit code 1 means refused.

    \b
    Examples:
      csad gate models/new --data data/bottles
      csad gate models/new --data data/bottles --champion models/current --report gate.html
    """
    with contextlib.redirect_stdout(sys.stderr):
        from csad.common import atomic
        from csad.config.line import ProductLine
        from csad.gate.gate import Contender, judge, load_champion
        from csad.gate.page import render
        from csad.images import scan, scan_for_evaluation
        from csad.images.layout import list_images
        from csad.images.outputs import require_no_image_in
        from csad.runner.checked_copy import require_unchanged
        from csad.scoring.scorer import Scorer

        require_no_image_in(data, report, "--report")
        scorer = Scorer.load(model)
        line = ProductLine.from_file(line_file) if line_file else scorer.line
        has_tests = any(image.split == "test" for image in list_images(data, line.images.validation_fraction))
        images = scan_for_evaluation(data, line) if has_tests else scan(data, line)
        decision = judge(line, Contender(scorer), load_champion(champion), images)
        require_unchanged(images.contents)
        if report is not None:
            atomic.write_text(report, render(decision))
    click.echo(json.dumps(decision.to_json(), indent=2) if as_json else _for_people(decision))
    if not decision.accepted:
        sys.exit(1)


def _for_people(decision: "GateDecision") -> str:
    from csad.common.tables import table

    rows = [("passed" if check.passed else "FAILED", check.rule.value, check.reason) for check in decision.checks]
    lines = [f"{decision.line}, on {decision.judged_on}", "", table(("", "check", "result"), rows), ""]
    lines += [f"note: {notice}" for notice in decision.notices]
    lines.append(f"{'ACCEPTED' if decision.accepted else 'REFUSED'}: {decision.reason}")
    return "\n".join(lines)
