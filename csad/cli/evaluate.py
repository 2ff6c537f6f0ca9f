"""`csad evaluate`: how good a model is on images whose truth is known."""

import contextlib
import json
import sys
from pathlib import Path

import click

from csad.cli.device import device_option


@click.command()
@click.argument("model", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with test/good and test/<kind of anomaly>, and ground_truth where there are masks.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="HTML file to write, self-contained.")
@click.option(
    "--save-maps",
    nargs=2,
    type=(click.Choice(["tiff"]), click.Path(file_okay=False, path_type=Path)),
    metavar="tiff FOLDER",
    help="Write the map of every test image as MVTec's own evaluation program reads it: "
    "FOLDER/<line>/test/<kind>/<image>.tiff.",
)
@device_option
def evaluate(
    model: Path,
    data: Path,
    as_json: bool,
    report: Path | None,
    save_maps: tuple[str, Path] | None,
    device: str | None,
) -> None:
    """Measure detection, localisation and the false-reject rate on test images.

    The report shows the model's components, too, while the stages that trained it still lie where they were made.

    \b
    Examples:
      csad evaluate models/bottles --data data/bottles --report report.html
      csad evaluate models/bottles --data data/bottles --json > figures.json
      csad evaluate models/juice_bottle --data mvtec_loco/juice_bottle --save-maps tiff maps/
    """
    with contextlib.redirect_stdout(sys.stderr):
        from csad.compute.compute_device import chosen_device
        from csad.compute.malloc import tune_malloc
        from csad.evaluation.evaluate import evaluate as measure
        from csad.evaluation.map_files import MapFiles
        from csad.evaluation.report import write_report
        from csad.images import scan_for_evaluation
        from csad.images.outputs import require_no_image_in, require_outside
        from csad.runner.checked_copy import require_unchanged
        from csad.scoring.scorer import Scorer
        from csad.stages.gallery import find_doubts, find_gallery

        require_no_image_in(data, report, "--report")
        if save_maps is not None:
            require_outside(data, save_maps[1], "--save-maps")
        tune_malloc()
        scorer = Scorer.load(model, str(chosen_device(device)))
        images = scan_for_evaluation(data, scorer.line)
        maps = None if save_maps is None else MapFiles(save_maps[1], scorer.line.name)
        evaluation = measure(scorer, images, maps=maps)
        require_unchanged(images.contents)
        if report is not None:
            gallery = find_gallery(model)
            write_report(evaluation, report, gallery, find_doubts(gallery), (*images.train, *images.validation))
    click.echo(json.dumps(evaluation.to_json(), indent=2) if as_json else evaluation.to_text())
