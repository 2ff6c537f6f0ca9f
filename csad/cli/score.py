"""`csad score`: decide on images."""

import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from csad.errors import DatasetError, ImageError

if TYPE_CHECKING:
    import numpy as np

    from csad.scorer import Score, Scorer

BATCH = 8


@dataclass(frozen=True)
class Result:
    """One image's score.

    Attributes:
        file: As given, or found in the folder that was given.
        score: What the scorer says, less the map.
    """

    file: Path
    value: float
    threshold: float
    anomalous: bool
    branches: dict[str, float]
    findings: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """The result for scripts."""
        return {
            "file": str(self.file),
            "score": self.value,
            "threshold": self.threshold,
            "anomalous": self.anomalous,
            "branches": self.branches,
            "findings": list(self.findings),
        }

    def to_row(self) -> tuple[str, ...]:
        """The result for people."""
        decision = "ANOMALOUS" if self.anomalous else "good"
        finding = self.findings[0] if self.findings else ""
        return (
            click.format_filename(self.file),
            f"{self.value:.3f}",
            f"{self.threshold:.3f}",
            decision,
            finding,
        )


@click.command()
@click.argument("model", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("images", metavar="IMAGE_OR_DIR", type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list, an object per image.")
@click.option(
    "--maps",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write a picture per image into: where it differs from good ones.",
)
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:N.")
def score(model: Path, images: Path, as_json: bool, maps: Path | None, device: str) -> None:
    """Score one image, or every image of a folder and its subfolders.

    An image that cannot be read is named, the others are scored, and the exit code is 1.

    \b
    Examples:
      csad score models/bottles photo.png
      csad score models/bottles incoming/ --maps maps/
      csad score models/bottles incoming/ --json > scores.json
    """
    failures: list[str] = []
    with contextlib.redirect_stdout(sys.stderr):
        from csad.scorer import Scorer

        files = _images_at(images)
        results = list(_score_all(Scorer.load(model, device=device), files, images, maps, failures))
    if as_json:
        click.echo(json.dumps([result.to_json() for result in results], indent=2))
    elif results:
        from csad.cli.table import table

        head = ("file", "score", "threshold", "decision", "first finding")
        click.echo(table(head, [result.to_row() for result in results]))
        click.echo(f"{sum(result.anomalous for result in results)} of {len(results)} anomalous", err=True)
    if failures:
        raise ImageError(f"{len(failures)} of {len(files)} images could not be scored:\n" + "\n".join(failures))


def _images_at(path: Path) -> list[Path]:
    """List the image itself, or all images below a folder, hidden ones excepted.

    Raises:
        DatasetError: No images.
    """
    from csad.images.reading import EXTENSIONS

    if not path.is_dir():
        return [path]
    found = sorted(
        file
        for file in path.rglob("*")
        if file.suffix.lower() in EXTENSIONS
        and not file.is_dir()
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )
    if not found:
        extensions = " ".join(sorted(extension.removeprefix(".") for extension in EXTENSIONS))
        raise DatasetError(f"no images in {path} or its subfolders; expected files with one of: {extensions}")
    return found


def _score_all(
    scorer: "Scorer", files: Sequence[Path], root: Path, maps: Path | None, failures: list[str]
) -> Iterator[Result]:
    """Score in batches, holding one batch of images at a time; unreadable files go to `failures`."""
    from csad.cli.heat import write_heat
    from csad.progress import track

    starts = range(0, len(files), BATCH)
    for start in track(starts, "Scoring", total=len(starts)):
        batch = list(_readable(files[start : start + BATCH], scorer.line.images.max_pixels, failures))
        scores: list[Score] = scorer.score_batch([image for _, image in batch]) if batch else []
        for (file, image), found in zip(batch, scores, strict=True):
            if maps is not None:
                name = file.relative_to(root) if root.is_dir() else Path(file.name)
                write_heat(maps / f"{name}.png", image, found)
            yield Result(file, found.value, found.threshold, found.anomalous, found.branches, found.findings)


def _readable(files: Sequence[Path], max_pixels: int, failures: list[str]) -> "Iterator[tuple[Path, np.ndarray]]":
    from csad.images import read_rgb

    for file in files:
        try:
            yield file, read_rgb(file, max_pixels)
        except ImageError as error:
            failures.append(f"  {error}")
