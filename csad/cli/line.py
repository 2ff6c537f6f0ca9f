"""`csad line`: write and check the settings of a product line."""

import json
from pathlib import Path

import click

from csad.common.errors import LineError


@click.group()
def line() -> None:
    """Write and check the settings of a product line.

    \b
    Examples:
      csad line new bottles --output lines/bottles.yaml
      csad line check lines/bottles.yaml --data data/bottles
    """


def _valid_name(context: click.Context, parameter: click.Parameter, name: str) -> str:
    from pydantic import ValidationError

    from csad.config.line import ProductLine

    try:
        return ProductLine(name=name).name
    except ValidationError as error:
        expected = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise click.BadParameter(f"found {name!r}, expected {expected}") from None


@line.command()
@click.argument("name", callback=_valid_name)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write.  [default: NAME.yaml]")
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
def new(name: str, output: Path | None, force: bool) -> None:
    """Write a commented product line file that works as it is.

    \b
    Example:
      csad line new bottles --output lines/bottles.yaml
    """
    from csad.common.atomic import write_text
    from csad.config.line import ProductLine

    output = output or Path(f"{name}.yaml")
    if output.exists() and not force:
        raise LineError(f"{output} exists; choose another --output, or replace it with --force")
    write_text(output, ProductLine(name=name).to_yaml())
    click.echo(f"wrote {output}")
    click.echo(f"next: csad line check {output} --data FOLDER_OF_GOOD_IMAGES", err=True)


@line.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of good images, or one with train/good (see csad --help).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(file: Path, data: Path, as_json: bool) -> None:
    """Open every image and say what training would do; exits with 1 if it would fail.

    Foundation models that the line names and this machine lacks are a warning: the line may train on another.

    \b
    Example:
      csad line check lines/bottles.yaml --data data/bottles
    """
    from csad.cli.line_report import LineReport
    from csad.config.line import ProductLine

    report = LineReport.of(ProductLine.from_file(file), data)
    click.echo(json.dumps(report.to_json(), indent=2) if as_json else report.to_text())
    if report.obstacle:
        raise click.exceptions.Exit(1)
