"""`csad train`: from images to a model folder."""

import contextlib
import os
import sys
from pathlib import Path

import click

from csad.cli.device import device_option
from csad.common.errors import CsadError


@click.command()
@click.argument("file", metavar="LINE.yaml", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of good images, or one with train/good (see csad --help).",
)
@click.option(
    "--output", required=True, type=click.Path(file_okay=False, path_type=Path), help="Model folder to write."
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**31 - 1), help="Recorded in the model.")
@device_option
def train(file: Path, data: Path, output: Path, seed: int, device: str | None) -> None:
    """Train the scorer of a product line on good images.

    The same command again resumes after an interruption: finished stages are kept.

    \b
    Example:
      csad train lines/bottles.yaml --data data/bottles --output models/bottles
    """
    from csad.config.line import ProductLine

    line = ProductLine.from_file(file)
    _require_writable(output)
    with contextlib.redirect_stdout(sys.stderr):
        from csad.compute.compute_device import VARIABLE, chosen_device
        from csad.stages import training

        # A device that is not there is refused before there is work to lose.
        chosen = chosen_device(device)
        if device:
            os.environ[VARIABLE] = str(chosen)
        training.train(line, data, output, seed)
    click.echo(output)
    click.echo(f"next: csad score {output} IMAGES, or csad evaluate {output} --data {data}", err=True)


def _require_writable(output: Path) -> None:
    """Find out before the training whether its result can be stored.

    Raises:
        CsadError: The nearest existing folder cannot be written to.
    """
    nearest = output
    while not nearest.exists():
        nearest = nearest.parent
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise CsadError(f"cannot write {output}: {nearest} is not a writable folder; choose another --output")
