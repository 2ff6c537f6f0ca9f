"""`csad line`: write and check the settings of a product line."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from csad.common.errors import LineError

if TYPE_CHECKING:
    from csad.config.presets import Method


@click.group()
def line() -> None:
    """Write and check the settings of a product line.

    \b
    Examples:
      csad line new bottles --output lines/bottles.yaml
      csad line check lines/bottles.yaml --data data/bottles
      csad line new bottles --preset paper
      csad line show lines/bottles.yaml
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
@click.option(
    "--preset",
    type=click.Choice(["default", "paper"]),
    default="default",
    show_default=True,
    help="default: made for factories; paper: CSAD as published (needs the paper's weights, and a GPU to end soon).",
)
def new(name: str, output: Path | None, force: bool, preset: "Method") -> None:
    """Write a commented product line file that works as it is.

    \b
    Examples:
      csad line new bottles --output lines/bottles.yaml
      csad line new bottles --preset paper
    """
    from csad.common.atomic import write_text
    from csad.config.line import ProductLine

    output = output or Path(f"{name}.yaml")
    if output.exists() and not force:
        raise LineError(f"{output} exists; choose another --output, or replace it with --force")
    write_text(output, ProductLine(name=name, method=preset).to_yaml())
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


@line.command()
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(file: Path, as_json: bool) -> None:
    """Print every setting that counts: those of a line file, or those that a model folder was made with.

    \b
    Examples:
      csad line show lines/bottles.yaml
      csad line show models/bottles
    """
    from csad.config.line import ProductLine
    from csad.scoring.model_folder import read_manifest

    if file.is_dir():
        shown = ProductLine.from_model(read_manifest(file).line, f"the line of {file}")
    else:
        shown = ProductLine.from_file(file)
    if as_json:
        click.echo(json.dumps(shown.model_dump(mode="json"), indent=2))
        return
    click.echo(shown.to_yaml(), nl=False)
    changed = shown.overridden()
    differs = f"differs in {len(changed)} settings: {', '.join(changed)}" if changed else "differs in nothing"
    click.echo(f"# From method {shown.method} it {differs}.", err=True)
