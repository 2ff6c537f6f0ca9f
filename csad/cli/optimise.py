"""`csad optimise`: what computes a model fastest on this machine."""

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_GOOD = 60


@click.command()
@click.argument("model", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The data set that trained it, or a folder of good images: half of them calibrate int8, the others show "
    "whether decisions hold. Anomalous images are never read.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def optimise(model: Path, data: Path, as_json: bool) -> None:
    """Measure every runtime in every precision on this machine, and have the fastest compute this model from now on.

    Only what decides as torch does is accepted: the same decisions on good images, the same AUROC on synthetic
    anomalies, the same explanations of both, and maps of both within a fifth of what normal images reach; in single
    precision scores within 1e-3, too. The choice is written to runtime.json in the model folder and holds for
    processors of this kind; the model itself does not change. Without it the model computes in ONNX Runtime in single
    precision.

    \b
    Example:
      csad optimise models/bottles --data data/bottles
    """
    with contextlib.redirect_stdout(sys.stderr):
        from csad.calibration.optimising import optimise as measure
        from csad.images import read_rgb, scan
        from csad.images.training_images import evenly_spaced
        from csad.scoring.scorer import Scorer

        scorer = Scorer.load(model)
        line = scorer.line
        images = scan(data, line)

        def read(files: list[Path]) -> "list[NDArray[np.uint8]]":
            return [scorer.to_input(read_rgb(file, line.images.max_pixels)) for file in files]

        validation = [file.path for file in images.validation]
        train = [images.train[index].path for index in evenly_spaced(len(images.train), 2 * MOST_GOOD)]
        good = (validation + train[1::2])[:MOST_GOOD]
        tuned = measure(model, read(good), read(train[::2][:MOST_GOOD]))
    if as_json:
        click.echo(json.dumps(tuned.model_dump(mode="json"), indent=2))
        return
    from csad.common.tables import table

    head = ("runtime", "precision", "ms/image", "images/s", "AUROC", "maps differ", "")
    rows = [
        (
            one.runtime,
            one.precision,
            "" if one.milliseconds is None else f"{one.milliseconds:.1f}",
            "" if one.per_second is None else f"{one.per_second:.1f}",
            "" if one.auroc is None else f"{one.auroc:.3f}",
            "" if one.map_error is None else f"{one.map_error:.1g}",
            "accepted" if one.accepted else f"refused: {one.reason}",
        )
        for one in tuned.measured
    ]
    click.echo(table(head, rows))
    click.echo(f"{tuned.runtime} in {tuned.precision} computes {model} on this machine from now on", err=True)
