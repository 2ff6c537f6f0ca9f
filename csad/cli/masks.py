"""`csad masks`: look at the component masks before anything trains."""

import contextlib
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from csad.config.line import ProductLine
    from csad.pseudo_labels.mode_preview import Preview

SUFFIXES = (".html", ".png")


@click.group()
def masks() -> None:
    """Look at the component masks of a line before it trains.

    \b
    Example:
      csad masks preview lines/bottles.yaml --data data/bottles --output preview.html
    """


def _page_or_picture(context: click.Context, parameter: click.Parameter, path: Path) -> Path:
    if path.suffix.lower() not in SUFFIXES:
        raise click.BadParameter(f"{path.name} ends with {path.suffix or 'nothing'}, expected .html or .png")
    return path


@masks.command()
@click.argument("file", metavar="LINE.yaml", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of good images, or one with train/good (see csad --help).",
)
@click.option(
    "--output",
    default="preview.html",
    show_default=True,
    callback=_page_or_picture,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Page (.html) or picture (.png) to write.",
)
@click.option("--images", default=8, show_default=True, type=click.IntRange(2, 100), help="Images to show.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: masks and classes of each mode.")
def preview(file: Path, data: Path, output: Path, images: int, as_json: bool) -> None:
    """Show the fine and the coarse mode side by side, and what other bandwidths would group.

    Look at it for a minute, then set pseudo_labels.mode in the line: coarse where the prompts alone (or, without
    foundation models, the separate parts) are the components, fine where parts are missing or share a mask.

    \b
    Examples:
      csad masks preview lines/bottles.yaml --data data/bottles
      csad masks preview lines/bottles.yaml --data data/bottles --output preview.png --images 12
    """
    from csad.config.line import ProductLine

    line = ProductLine.from_file(file)
    with contextlib.redirect_stdout(sys.stderr):
        from csad.images.outputs import require_no_image_in
        from csad.pseudo_labels.mode_preview import preview_modes
        from csad.pseudo_labels.mode_preview_page import describe_mode, write_preview
        from csad.runner.snapshot import open_snapshot
        from csad.stages import ingest, tagging

        require_no_image_in(data, output, "--output")
        output.parent.mkdir(parents=True, exist_ok=True)
        # Beside the output: copies cost no space there where the file system can share blocks.
        with tempfile.TemporaryDirectory(prefix=".preview-", dir=output.parent) as folder:
            working = Path(folder)
            ingest.run(line, data, working / "images")
            tagging.run(_in_any_mode(line), working / "images", working / "tags")
            prompts = tagging.Tags.read(working / "tags").prompts
            found = preview_modes(line, open_snapshot(working / "images"), prompts, images, working / "masks")
        write_preview(output, found)
    if as_json:
        click.echo(json.dumps(_to_json(found, output), indent=2))
    else:
        for mode in found.modes:
            click.echo(describe_mode(mode))
        click.echo(output)


def _in_any_mode(line: "ProductLine") -> "ProductLine":
    """The line without its mode: a coarse one without prompts is shown, not refused."""
    return line.model_copy(update={"pseudo_labels": line.pseudo_labels.model_copy(update={"mode": "auto"})})


def _to_json(found: "Preview", output: Path) -> dict[str, object]:
    return {
        "line": found.line,
        "output": str(output),
        "images": list(found.stems),
        "modes": {
            mode.mode: {
                "finder": mode.finder,
                "masks": list(mode.masks),
                "classes": mode.classes,
                "note": mode.note,
                "sweep": [
                    {
                        "quantile": point.quantile,
                        "bandwidth": point.bandwidth,
                        "classes": point.classes,
                        "left_out": point.dropped_fraction,
                    }
                    for point in mode.sweep
                ],
            }
            for mode in found.modes
        },
    }
